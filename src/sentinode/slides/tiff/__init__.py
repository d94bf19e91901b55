"""The reader of tiled TIFF slides that knows where every tile lies, and keeps decoded ones."""
