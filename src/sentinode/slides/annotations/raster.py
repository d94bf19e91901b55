"""Regions as a mask, at any level, vectorised.

The rule: a mask pixel is in a region where its **centre** is. Mask pixel (row, column) has its centre at level-0
((column + 0.5) · downsample_x, (row + 0.5) · downsample_y). A centre exactly on an edge belongs to the region on its
right (or below), so that regions side by side share no pixel and leave none out.

Each region is filled by the even-odd rule over all its rings, so holes come of themselves: of every edge the crossing
with each row of centres is computed at once, each crossing flips all pixels to its right, and a running sum along the
row says how often a pixel was flipped.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.annotations.regions import EXCLUSION, TUMOUR, Annotations, Geometry, parts, shapely


def rasterise(
    annotations: Annotations, *, width: int, height: int, downsample_x: float, downsample_y: float, kind: str = TUMOUR
) -> NDArray[np.bool_]:
    """The regions of one kind as a mask; for tumour, without the exclusions.

    Args:
        annotations: Regions in level-0 pixels; what lies outside the mask is cut off.
        width: Of the mask, in its own pixels.
        height: Of the mask, in its own pixels.
        downsample_x: Level-0 pixels in a mask pixel, across.
        downsample_y: Level-0 pixels in a mask pixel, down.
        kind: The kind of region that is drawn.

    Returns:
        (height, width) bool.
    """
    mask = np.zeros((height, width), bool)
    _draw(mask, (region.polygon for region in annotations.of(kind)), downsample_x, downsample_y, value=True)
    if kind == TUMOUR:
        holes = (region.polygon for region in annotations.of(EXCLUSION))
        _draw(mask, holes, downsample_x, downsample_y, value=False)
    return mask


def rasterise_polygons(
    polygons: Iterable[Geometry], *, width: int, height: int, downsample_x: float, downsample_y: float
) -> NDArray[np.bool_]:
    """The union of geometries in level-0 pixels as a mask; see `rasterise`."""
    mask = np.zeros((height, width), bool)
    _draw(mask, polygons, downsample_x, downsample_y, value=True)
    return mask


def _draw(
    mask: NDArray[np.bool_], polygons: Iterable[Geometry], downsample_x: float, downsample_y: float, *, value: bool
) -> None:
    """Set the pixels of `mask` (height, width) whose centre is in one of `polygons` (level-0 pixels) to `value`."""
    height, width = mask.shape
    for polygon in polygons:
        edges = _edges(polygon, downsample_x, downsample_y)
        if not len(edges):
            continue
        left, right = _whole(edges[:, [0, 2]].min(), width), _whole(edges[:, [0, 2]].max() + 1, width)
        top, bottom = _whole(edges[:, 1].min(), height), _whole(edges[:, 3].max(), height)
        if left < right and top < bottom:
            inside = _fill(edges, left, top, right, bottom)
            mask[top:bottom, left:right][inside] = value


def _edges(polygon: Geometry, downsample_x: float, downsample_y: float) -> NDArray[np.float64]:
    """(N, 4) x, y of the upper and x, y of the lower end of every edge that is not level, where centres are integers.

    The upper end comes first whatever the line's direction, so that two regions that share an edge compute the very
    same crossing.
    """
    found = []
    for ring in shapely.get_rings(parts(polygon)):
        places = shapely.get_coordinates(ring) / (downsample_x, downsample_y) - 0.5
        found.append(np.hstack([places[:-1], places[1:]]))
    edges = np.concatenate(found) if found else np.empty((0, 4))
    edges = np.where((edges[:, 1] <= edges[:, 3])[:, None], edges, edges[:, [2, 3, 0, 1]])
    return edges[np.ceil(edges[:, 1]) < np.ceil(edges[:, 3])]  # the others cross no row of centres


def _whole(place: float, length: int) -> int:
    """The first whole number from `place` on, within 0 to `length`."""
    return int(np.clip(np.ceil(place), 0, length))


def _fill(edges: NDArray[np.float64], left: int, top: int, right: int, bottom: int) -> NDArray[np.bool_]:
    """(bottom − top, right − left) bool: the centres inside by the even-odd rule."""
    first = np.clip(np.ceil(edges[:, 1]), top, bottom).astype(np.int64)
    last = np.clip(np.ceil(edges[:, 3]), top, bottom).astype(np.int64)  # exclusive
    counts = last - first
    edge = np.repeat(np.arange(len(edges)), counts)
    rows = np.arange(len(edge)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
    x_up, y_up, x_low, y_low = edges[edge].T
    crossings = x_up + (rows - y_up) * (x_low - x_up) / (y_low - y_up)
    columns = np.clip(np.ceil(crossings), left, right).astype(np.int64)
    # Only whether the number of flips is odd matters, and 256 is even: eight bits may wrap.
    flips = np.zeros((bottom - top, right - left + 1), np.uint8)
    np.add.at(flips, (rows - top, columns - left), 1)
    return (np.add.accumulate(flips[:, :-1], axis=1, dtype=np.uint8) & 1).astype(bool)
