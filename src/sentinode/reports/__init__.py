"""Every page and every picture: one frame, one style, one vocabulary. Pages are handed their data."""
