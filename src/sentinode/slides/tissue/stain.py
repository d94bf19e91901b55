"""What each pixel of a slide's overview is by its colour: stained, blurred, ink, a black border, or bare glass.

Haematoxylin and eosin both absorb green more than red (of 1,500 real PCam patches at 8 µm/px, 99.5 % of the stained
pixels have a red to green ratio of optical density under 0.82), inks do not: blue and green ink absorb red more than
green, black ink absorbs all colours alike. So ink is told from stain by a ratio, whatever the strength of either.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.slides.tissue.mask_shapes import circle_px, without_holes

BLUE, GREEN, BLACK = "pen-blue", "pen-green", "pen-black"
BORDER = "border"

_DEFAULT_GLASS = 245.0
_GLASS_PIXELS = 250_000
"""About as many pixels, evenly spread, tell the glass's colour as well as all of them."""
_OD_LIMITS = (0.03, 0.05)
"""Where Otsu's threshold of optical density may lie. With 0.07 for the upper end, 11 of 2,221 composed cells had less
than 5 % tissue, among them pale collagen; with 0.05, two. Noise of glass stays under 0.02."""
_CHROMA_LIMITS = (0.012, 0.025)
"""Where Otsu's threshold of chroma (difference of optical densities) may lie."""
_BLUR_LIMIT = 0.1
_BLUR_WINDOW_UM = 100.0
_SMALLEST_BLUR_UM = 150.0
_INK_DENSITY = 0.15
_INK_RATIO = 1.05
_INK_RATIO_EDGE = 0.92
_DEEP_RED_DENSITY, _DEEP_RED_RATIO = 0.65, 0.8
"""Dark ink over stain: of those 1,500 patches five have such pixels, and one of the five is a black frame."""
_NEUTRAL_DENSITY = 0.4
_NEUTRAL_RATIO = 0.8
_PITCH_DENSITY = 0.65
"""Whatever absorbs every colour this much is black on top of its stain: 0.1 % of PCam's pixels at 8 µm/px have 0.6."""
_STROKE_UM = 150.0
"""A pen's line is at least this wide; what is smaller is pigment, carbon, a fold."""
_EDGE_UM = 40.0
"""Ink fades over about this much at its edge."""
_BORDER_SHARE = 0.5
"""A black border runs along at least this part of one side of the slide."""

Bool = NDArray[np.bool_]
Density = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Stain:
    """An overview by colour."""

    stained: Bool
    """(h, w) coloured and dense enough for stain, ink left out."""
    artefacts: dict[str, Bool]
    """(h, w) each: ink by colour, and black borders. No pixel is in two."""
    density: Density
    """(h, w) mean optical density (decadic) above the glass."""


def find_stain(overview: NDArray[np.uint8], um_per_px: float, *, pen: bool) -> Stain:
    """Tell stain, ink, border and glass apart.

    Args:
        overview: (h, w, 3) uint8, RGB, the whole slide at `um_per_px`.
        um_per_px: Of the overview, about the same in x and y.
        pen: Look for ink.
    """
    density = optical_density(overview, glass_colour(overview))
    artefacts = _borders(density)
    if pen:
        artefacts |= _inks(density, artefacts[BORDER], um_per_px)
    left_out = np.logical_or.reduce(list(artefacts.values()))
    mean = density.mean(axis=0)
    chroma = density[1] - np.minimum(density[0], density[2])
    counted = ~left_out
    dense = mean > _guarded_otsu(mean[counted], _OD_LIMITS)
    coloured = chroma > _guarded_otsu(chroma[counted], _CHROMA_LIMITS)
    # Shadows, dust and bubbles are dense without colour; a tint of the glass is colour without density.
    stained = ((dense & (chroma > _CHROMA_LIMITS[0])) | (coloured & (mean > _OD_LIMITS[0]))) & counted
    return Stain(stained, artefacts, mean)


def optical_density(overview: NDArray[np.uint8], glass: NDArray[np.float32]) -> Density:
    """(3, h, w) float32 decadic optical density of red, green, blue above the glass's colour (3,); never below 0."""
    # By table: there are only 256 values, and a logarithm of each pixel would take longer than all else.
    table = np.maximum(np.log10((glass + 1) / (np.arange(256, dtype=np.float32)[:, None] + 1)), 0)
    return np.stack([table[:, n].astype(np.float32)[overview[..., n]] for n in range(3)])


def glass_colour(overview: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(3,) the colour of bare glass: the middle of the brightest 2 % of the pixels, as far as they look like glass.

    Scanners paint what they did not scan pure white, so that is not asked. Where the brightest pixels are coloured or
    dark, no glass is in sight: a slide full of tissue.
    """
    step = max(1, math.isqrt(overview.shape[0] * overview.shape[1] // _GLASS_PIXELS))
    pixels = overview[::step, ::step].reshape(-1, 3)
    pixels = pixels[(pixels < 255).any(axis=1)]
    if len(pixels):
        brightness = pixels.mean(axis=1, dtype=np.float32)
        found = np.median(pixels[brightness >= np.percentile(brightness, 98)], axis=0)
        if found.min() >= 190 and np.ptp(found) <= 20:
            return np.asarray(found, np.float32)
    return np.full(3, _DEFAULT_GLASS, np.float32)


def _guarded_otsu(values: Density, limits: tuple[float, float]) -> float:
    """Otsu's threshold, kept within `limits`: on a blank or a full slide there are no two classes to part."""
    return float(np.clip(otsu(values), *limits)) if values.size else limits[1]


def otsu(values: Density) -> float:
    """The threshold that leaves the least variance within two classes (Otsu 1979), over 256 bins.

    Our own, because importing scikit-image's would take most of the time that a small slide takes.
    """
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(centres[np.argmax(np.nan_to_num(between))])


def _neutral(density: Density) -> Bool:
    """(h, w) dark without a colour of its own."""
    low, high = density.min(axis=0), density.max(axis=0)
    grey = (density.mean(axis=0) > _NEUTRAL_DENSITY) & (low > _NEUTRAL_RATIO * high)
    return np.asarray(grey | (low > _PITCH_DENSITY))


def _borders(density: Density) -> dict[str, Bool]:
    """Dark pieces that touch the overview's edge along at least half of one side: frames, unscanned parts."""
    labels, count = ndimage.label(_neutral(density))
    border = np.zeros(labels.shape, bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        touching = np.bincount(side, minlength=count + 1)
        touching[0] = 0
        border |= np.isin(labels, np.flatnonzero(touching >= _BORDER_SHARE * len(side)))
    return {BORDER: border}


def _inks(density: Density, border: Bool, um_per_px: float) -> dict[str, Bool]:
    red, green, blue = density
    mean, neutral = density.mean(axis=0), _neutral(density)
    dense = mean > _INK_DENSITY
    over_stain = (red > _DEEP_RED_DENSITY) & (red > _DEEP_RED_RATIO * green)
    coloured = _strokes((dense & (red > _INK_RATIO * green)) | (over_stain & ~neutral), um_per_px) & ~border
    black = _strokes(neutral & ~border, um_per_px) & ~coloured
    # The rim of a stroke is thinner ink: weaker, but of a hue that stain has not.
    rim = (red > _INK_RATIO_EDGE * green) & (mean > 0.02) & ~border
    coloured, black = (_grown(core, rim & ~other, um_per_px) for core, other in ((coloured, black), (black, coloured)))
    # Dense stain under a stroke can look like stain; what is ringed by ink is ink.
    gap = circle_px(_STROKE_UM, um_per_px)
    coloured, black = without_holes(coloured, gap), without_holes(black, gap)
    black &= ~coloured
    is_green = blue > green  # absorbs blue more than green
    return {BLUE: coloured & ~is_green, GREEN: coloured & is_green, BLACK: black}


def _strokes(candidates: Bool, um_per_px: float) -> Bool:
    """The pieces of `candidates` that are as large as a dot of a pen."""
    labels, _ = ndimage.label(candidates, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large = sizes * um_per_px**2 >= _STROKE_UM**2
    return np.asarray(large[labels])


def _grown(core: Bool, rim: Bool, um_per_px: float) -> Bool:
    if not core.any():
        return core
    steps = max(1, round(_EDGE_UM / um_per_px))
    return np.asarray(ndimage.binary_dilation(core, np.ones((3, 3), bool), iterations=steps, mask=rim | core))


def find_blur(density: NDArray[np.float32], stained: NDArray[np.bool_], um_per_px: float) -> NDArray[np.bool_]:
    """(h, w) the stained places that are so blurred that no structure is left, seen at about 8 µm/px.

    The measure is the mean absolute Laplacian of optical density over its mean, in a window of about 0.1 mm. On 611
    real PCam patches at 8 µm/px it is above 0.27 for 99.5 %; blurred by a Gaussian of 4 µm the median is 0.23, of 6 µm
    0.115, of 10 µm 0.04. The limit of 0.1 leaves sharp and slightly soft tissue alone: a slide that is a little out of
    focus is for the model, and for the eye, to judge.

    Args:
        density: (h, w) mean optical density.
        stained: (h, w) where to look.
        um_per_px: Of both.
    """
    size = max(3, round(_BLUR_WINDOW_UM / um_per_px))
    weights = stained.astype(np.float32)
    edges = np.abs(ndimage.laplace(density, mode="nearest")) * weights
    sharp = ndimage.uniform_filter(edges, size)
    dense = ndimage.uniform_filter(density * weights, size)
    blurred = stained & (sharp < _BLUR_LIMIT * dense)
    opened = ndimage.binary_opening(blurred, np.ones((3, 3), bool))
    labels, _ = ndimage.label(opened)
    large = np.bincount(labels.ravel()) * um_per_px**2 >= _SMALLEST_BLUR_UM**2
    large[0] = False
    return np.asarray(large[labels])
