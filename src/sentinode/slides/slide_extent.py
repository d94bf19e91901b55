"""How large a slide is, and where what was scanned lies on a larger canvas."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SlideExtent:
    """Size of a slide, and where its scanned area lies."""

    name: str
    width: int
    """Of the scanned area, level-0 pixels, as everything here."""
    height: int
    origin_x: int = 0
    """Of the scanned area on OpenSlide's canvas; 0 for most formats, whose canvas is the scanned area."""
    origin_y: int = 0
