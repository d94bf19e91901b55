"""The targets of a slide as CAMELYON16's organisers draw them from its tumour mask."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.core.errors import EvaluationError

TOLERANCE_UM = 75.0
"""About five tumour cells: regions nearer to each other than this become one; each grows by half of it."""

ITC_MAJOR_AXIS_UM = 275.0
"""A grown region with a shorter major axis holds isolated tumour cells: 200 µm and the tolerance."""

MASK_MPP = 0.243 * 2**5
"""µm/px of the organisers' masks: level 5 of slides at 0.243 µm/px."""

_EIGHT = np.ones((3, 3), dtype=np.int8)
# Rows that are worked on at a time: the distance transform takes about 30 bytes a pixel, the mask itself one.
_BAND_ROWS = 512


@dataclass(frozen=True, eq=False)
class EvaluationMask:
    """Regions of a slide with tumour, numbered from 1, each of them either a target or isolated tumour cells."""

    labels: NDArray[np.int32]
    """(h, w) number of the region, 0 on background; the first pixel lies in the slide's upper left corner."""
    mpp_x: float
    """µm of a pixel, across."""
    mpp_y: float
    """µm of a pixel, down."""
    major_axis_um: NDArray[np.float64]
    """(R,) major axis of each region: of the ellipse with the same second moments."""

    @cached_property
    def isolated(self) -> NDArray[np.bool_]:
        """(R,) whether a region is a cluster of isolated tumour cells."""
        return np.asarray(self.major_axis_um < ITC_MAJOR_AXIS_UM)

    @property
    def targets(self) -> int:
        """Regions that ought to be found."""
        return int((~self.isolated).sum())

    def regions_at(self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> NDArray[np.int32]:
        """(N,) the region at each place, 0 on background.

        Raises:
            EvaluationError: A place lies outside the slide by more than a pixel of the mask.
        """
        # Level-0 pixels times µm/px, divided by µm/px again, may end just below a whole number.
        columns = np.floor(x_um / self.mpp_x + 1e-6).astype(np.int64)
        rows = np.floor(y_um / self.mpp_y + 1e-6).astype(np.int64)
        height, width = self.labels.shape
        outside = (columns < 0) | (columns > width) | (rows < 0) | (rows > height)
        if outside.any():
            first = int(np.flatnonzero(outside)[0])
            raise EvaluationError(
                f"a detection at ({x_um[first]:.0f}, {y_um[first]:.0f}) µm lies outside of the slide, which is "
                f"{width * self.mpp_x:.0f} × {height * self.mpp_y:.0f} µm; check the µm/px and the order of x and y"
            )
        # A mask whose size was rounded down lacks part of the slide's last row and column.
        return np.asarray(self.labels[np.minimum(rows, height - 1), np.minimum(columns, width - 1)])


def evaluation_mask(tumour: NDArray[np.bool_], *, mpp_x: float, mpp_y: float) -> EvaluationMask:
    """Targets and isolated tumour cells from a tumour mask, by the official program of CAMELYON16 (Ehteshami Bejnordi).

    Pixels nearer than 37.5 µm to tumour join it, holes are filled, and what touches, corners included, is one region.
    An excluded area is no tumour in `tumour`; one that tumour encloses is filled like any hole, as the organisers do.

    Args:
        tumour: (h, w) whether a pixel is annotated tumour, excluded areas left out. The organisers' masks have
            `MASK_MPP`.
        mpp_x: µm of a pixel, across.
        mpp_y: µm of a pixel, down.

    Raises:
        EvaluationError: The mask is no plane, or a pixel has no size.
    """
    if tumour.ndim != 2 or 0 in tumour.shape or min(mpp_x, mpp_y) <= 0:
        raise EvaluationError(f"a tumour mask is a plane of pixels; got shape {tumour.shape}, {mpp_x:g} × {mpp_y:g} µm")
    grown = _grown(np.asarray(tumour, dtype=bool), mpp_x, mpp_y)
    labels = np.zeros(tumour.shape, dtype=np.int32)
    if not grown.any():
        return EvaluationMask(labels, mpp_x, mpp_y, np.empty(0))
    # What lies around the outermost region is background in one piece: filling and labelling need not see it.
    box = ndimage.find_objects(grown.view(np.uint8))[0]
    inner = labels[box]
    count = int(ndimage.label(_without_holes(grown[box]), structure=_EIGHT, output=inner))
    return EvaluationMask(labels, mpp_x, mpp_y, major_axes(inner, count, mpp_x, mpp_y))


def _grown(tumour: NDArray[np.bool_], mpp_x: float, mpp_y: float) -> NDArray[np.bool_]:
    """Whether a pixel's distance to tumour is below half the tolerance; band by band, with the rows that reach in."""
    # Distances in units of a pixel's width, as the organisers have them: their comparison, to the last bit.
    reach, sampling = TOLERANCE_UM / (2 * mpp_x), (mpp_y / mpp_x, 1.0)
    halo = math.ceil(reach / sampling[0])
    grown = np.zeros_like(tumour)
    for start in range(0, len(tumour), _BAND_ROWS):
        stop = min(start + _BAND_ROWS, len(tumour))
        above = max(start - halo, 0)
        band = tumour[above : stop + halo]
        if band.any():
            distance = ndimage.distance_transform_edt(~band, sampling=sampling)
            grown[start:stop] = distance[start - above : stop - above] < reach
    return grown


def _without_holes(grown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With every part of the background that does not reach the border; parts that touch by a corner are two."""
    parts, count = ndimage.label(~grown)
    if count == 0:
        return grown
    open_parts = np.zeros(count + 1, dtype=bool)
    for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        open_parts[edge] = True
    open_parts[0] = False
    return np.asarray(~open_parts[parts])


def major_axes(labels: NDArray[np.int32], count: int, mpp_x: float, mpp_y: float) -> NDArray[np.float64]:
    """Four standard deviations along the longest direction of each region's pixels, in µm.

    That is the major axis of the ellipse with the same second moments, as scikit-image's `regionprops` defines it.
    """
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns] - 1
    sizes = np.bincount(numbers, minlength=count)

    def mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(numbers, values, minlength=count) / sizes

    x, y = columns * mpp_x, rows * mpp_y
    # Around each region's own centre: squares of places far from the origin would cancel digits.
    x, y = x - mean(x)[numbers], y - mean(y)[numbers]
    xx, yy, xy = mean(x * x), mean(y * y), mean(x * y)
    largest = (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy)
    return 4 * np.sqrt(largest)
