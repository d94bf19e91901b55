"""From a source of labelled images to a checked manifest, a split and packed tiles. No torch."""
