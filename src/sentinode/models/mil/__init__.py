"""Slides with nothing but a label: the tiles of a slide as a bag, and what makes one answer of it."""
