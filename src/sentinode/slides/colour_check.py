"""Whether a slide's colours can be those of stained tissue on glass.

Two readers that go by the same wrong tag agree, so that comparing them shows nothing. Haematoxylin and eosin absorb
green most, DAB blue; light goes through glass in all colours alike.
"""

import numpy as np

from sentinode.slides.reader import Pixels

_JUDGED = 500_000
"""Pixels that are enough to judge by."""
_COLOURED = 24
"""Grey levels between a pixel's largest and smallest channel from which it has a hue."""
_LEAST_COLOURED = 0.002
"""Part of the overview that has to have a hue before its hues are judged: less is dust, or the rim of a label."""
_MOST_GREEN = 0.6
"""Part of the coloured pixels of which green may be the largest channel: green ink on an otherwise empty slide."""
_BRIGHT, _TINTED = 215, 90
"""A pixel is bright from here on in its largest channel, and not white where the smallest is so far below."""
_MOST_TINTED = 0.8
"""Part of the bright pixels. Of five real slides, H&E and a keratin, at most 0.01 % are; 89 to 100 % with RGB and YCbCr
taken for each other."""
_DARK, _MOST_DARK = 60, 0.6
"""A pixel is dark up to here in its largest channel; so much of a slide may be, as its border."""


def doubtful_colours(overview: Pixels) -> str:
    """What is wrong with the colours of a slide's overview, in words; empty where nothing is.

    Looked for are tissue that is green or cyan (channels in another order, or inverted), and a background that is not
    light (inverted, fluorescence) or is light in one channel only (YCbCr taken for RGB, or the other way round).

    Args:
        overview: (h, w, 3) uint8, RGB, of the whole slide.
    """
    every = max(1, overview.size // 3 // _JUDGED)
    pixels = overview.reshape(-1, 3)[::every]
    highest, lowest = pixels.max(axis=1), pixels.min(axis=1)
    span = highest.astype(np.int16) - lowest
    bright = highest >= _BRIGHT
    tinted = _share(span[bright] > _TINTED) if bright.any() else 0.0
    if tinted > _MOST_TINTED:
        return f"its colours are doubtful: {tinted:.0%} of what is bright in it is no white, but of one colour"
    dark = _share(highest <= _DARK)
    if dark > _MOST_DARK:
        return f"its colours are doubtful: {dark:.0%} of it is dark, where glass should be"
    coloured = span >= _COLOURED
    if _share(coloured) >= _LEAST_COLOURED:
        hued = pixels[coloured].astype(np.int16)
        green = _share(hued[:, 1] > hued[:, 0] + _COLOURED // 2)
        if green > _MOST_GREEN:
            return f"its colours are doubtful: {green:.0%} of what is coloured in it is green or cyan, as no stain is"
    elif _share(span == 0) > 1 - _LEAST_COLOURED and _share(highest < _BRIGHT) > _LEAST_COLOURED:
        return "its colours are doubtful: it is grey all over"
    return ""


def _share(where: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> float:
    return float(where.mean()) if where.size else 0.0
