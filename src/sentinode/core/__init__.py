"""What every other room stands on: errors, settings, atomic files and hashes, images, progress. No torch."""
