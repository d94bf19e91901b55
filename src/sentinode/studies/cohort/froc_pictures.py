"""Small pictures of a slide for the FROC page: the slide, its targets, its heatmap with the detections."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from sentinode.core.palette import colours_of
from sentinode.metrics.froc.detections import Detections
from sentinode.metrics.froc.masks import EvaluationMask
from sentinode.scanning.heatmap import Heatmap
from sentinode.slides.slide import open_slide

_SIDE_PX = 480
_PAPER, _TARGET, _ISOLATED = (236, 239, 243), (213, 94, 0), (0, 0, 0)
_STRENGTH = 0.75
_SHOWN = 200
"""Detections that are marked, the surest; more would hide the slide."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """(H, W, 3) RGB each, of one size."""

    slide: NDArray[np.uint8] | None
    """None where the slide's file is not at hand."""
    truth: NDArray[np.uint8]
    heatmap: NDArray[np.uint8]


def draw_pictures(
    slide: Path | None,
    width_um: float,
    height_um: float,
    truth: EvaluationMask | None,
    heatmap: Heatmap,
    detections: Detections,
    series: int | None = None,
) -> Pictures:
    """Draw one slide; without its file, on paper of its shape. `series` is which of several pictures in the file.

    Raises:
        SlideError: The file can't be opened.
    """
    factor = _SIDE_PX / max(width_um, height_um)
    width, height = max(1, round(width_um * factor)), max(1, round(height_um * factor))
    base = np.full((height, width, 3), _PAPER, np.uint8)
    thumbnail = None
    if slide is not None:
        with open_slide(slide, series=series) as opened:
            found = Image.fromarray(opened.thumbnail(max_side=_SIDE_PX))
        thumbnail = base = np.asarray(found.resize((width, height), Image.Resampling.BICUBIC))
    return Pictures(thumbnail, _with_truth(base, truth, factor), _with_heatmap(base, heatmap, detections, factor))


def _with_truth(base: NDArray[np.uint8], truth: EvaluationMask | None, factor: float) -> NDArray[np.uint8]:
    picture = base.copy()
    if truth is None:
        return picture
    labels = truth.labels[_places(base, factor, truth.mpp_x, truth.mpp_y, truth.labels.shape)]
    isolated = np.concatenate([[False], truth.isolated])[labels]
    for where, colour in ((labels > 0) & ~isolated, _TARGET), (isolated, _ISOLATED):
        # A region of a few pixels would be all edge: it is made visible first.
        seen = ndimage.binary_dilation(where, iterations=2)
        edge = seen & ~ndimage.binary_erosion(seen, iterations=2)
        picture[where] = (0.75 * picture[where] + 0.25 * np.array(colour)).astype(np.uint8)
        picture[edge] = colour
    return picture


def _with_heatmap(
    base: NDArray[np.uint8], heatmap: Heatmap, detections: Detections, factor: float
) -> NDArray[np.uint8]:
    place = _places(base, factor, heatmap.mpp.x, heatmap.mpp.y, heatmap.values.shape)
    colours = colours_of(heatmap.values).astype(np.float32)[place]
    alpha = _STRENGTH * colours[..., 3:] / 255
    picture = Image.fromarray(np.rint(base * (1 - alpha) + colours[..., :3] * alpha).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for x_um, y_um in zip(detections.x_um[:_SHOWN], detections.y_um[:_SHOWN], strict=True):
        x, y = x_um * factor, y_um * factor
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=(0, 0, 0), width=3)
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), outline=(255, 255, 255))
    return np.asarray(picture)


def _places(
    base: NDArray[np.uint8], factor: float, mpp_x: float, mpp_y: float, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], ...]:
    """Which row and column of a plane each pixel of the picture shows."""
    rows = np.minimum(((np.arange(base.shape[0]) + 0.5) / factor / mpp_y).astype(int), shape[0] - 1)
    columns = np.minimum(((np.arange(base.shape[1]) + 0.5) / factor / mpp_x).astype(int), shape[1] - 1)
    return np.ix_(rows, columns)
