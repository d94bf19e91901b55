"""What may be asked of a slide: sides, places and sizes that mean something, and no more pixels than memory holds."""

import math
from numbers import Integral, Real
from typing import Any

from sentinode.core.errors import SlideError

MOST_PIXELS = 1 << 30
"""That one reading may make or read: 3 GB. A scanner's level 0 can have ten times as many."""
_FARTHEST_PX = 1 << 40
"""From the slide's corner; readers count places in 64 bits, some of them times a downsample."""
_LARGEST = 1e9
"""µm/px, or level pixels for each that is made: a kilometre holds every slide in one pixel."""


def check_side(name: str, value: Any) -> None:
    """Refuse what is no whole number of pixels, or less than one.

    Raises:
        SlideError: It is so; the message has name and value.
    """
    if not isinstance(value, Integral) or int(value) < 1:
        raise SlideError(f"{name} = {value!r} was asked for; give a whole number of pixels, at least 1")


def check_area(width: Any, height: Any) -> None:
    """The same of two sides, and refuse more pixels than `MOST_PIXELS`.

    Raises:
        SlideError: It is so.
    """
    check_side("width", width)
    check_side("height", height)
    check_count(f"{int(width):,} × {int(height):,} pixels were asked for", int(width) * int(height))


def check_count(asked: str, pixels: float, most: int = MOST_PIXELS) -> None:
    """Refuse more pixels at once than `most`; `asked` says whose they are.

    Raises:
        SlideError: It is so.
    """
    if pixels > most:
        raise SlideError(
            f"{asked}, and at most {most / 1e6:,.0f} million are read at once; read it in parts, or at a coarser µm/px"
        )


def check_place(**places: Any) -> None:
    """Refuse coordinates that are no finite number, or far from any slide.

    Raises:
        SlideError: It is so; the message has name and value.
    """
    for name, value in places.items():
        if not abs(number(value)) <= _FARTHEST_PX:  # NaN is not, either
            raise SlideError(f"{name} = {value!r} was asked for; give a level-0 pixel as a finite number")


def check_size(what: str, value: Any) -> None:
    """Refuse a size in pixels or µm/px that is no positive number, or beyond `_LARGEST`.

    Raises:
        SlideError: It is so; the message has the value.
    """
    if not 0 < number(value) <= _LARGEST:
        raise SlideError(f"{value!r} {what} was asked for; give a positive number of at most {_LARGEST:g}")


def number(value: Any) -> float:
    """It as a float: NaN for what is no number, infinity for an integer that no float holds."""
    try:
        return float(value) if isinstance(value, Real) else math.nan
    except OverflowError:
        return math.inf
