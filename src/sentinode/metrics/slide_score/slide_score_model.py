"""One score for a slide from its heatmap: features, and a small logistic regression on them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.metrics.froc.masks import major_axes
from sentinode.metrics.standardised_regression import StandardisedRegression

THRESHOLDS = (0.5, 0.7, 0.9)
"""Scores over which areas are taken."""

FEATURES = (
    "highest",
    "highest_mean_of_3x3",
    *(f"log_area_over_{threshold:g}" for threshold in THRESHOLDS),
    "log_area_of_largest",
    "log_axis_of_largest",
    "mean_of_largest",
)
"""Names of the features, in their order. The largest is the largest focus of cells over the lowest threshold."""

_EIGHT = np.ones((3, 3), dtype=np.int8)
# From one cell to a node full of tumour is a factor of many thousands: log(1 + x / unit) brings that into reach of a
# linear model, with a unit of about one tile.
_AREA_UNIT_UM2, _LENGTH_UNIT_UM = 100.0**2, 100.0


def heatmap_features(values: NDArray[np.floating], *, mpp_x: float, mpp_y: float) -> NDArray[np.float64]:
    """What a heatmap shows of tumour, as numbers that a linear model can use.

    Args:
        values: (h, w) probabilities; NaN where nothing was scanned.
        mpp_x: µm of a cell, across.
        mpp_y: µm of a cell, down.

    Returns:
        (F,) in the order of `FEATURES`; zeros for a slide on which nothing was scanned.
    """
    filled = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0)
    features = np.zeros(len(FEATURES))
    if filled.size == 0:
        return features
    # One tile among normal ones is likelier chance than a cluster is: the mean of three by three tells them apart.
    features[:2] = filled.max(), ndimage.uniform_filter(filled, 3, mode="constant").max()
    cell = mpp_x * mpp_y / _AREA_UNIT_UM2
    features[2:5] = [np.log1p(cell * (filled >= threshold).sum()) for threshold in THRESHOLDS]
    labels, count = ndimage.label(filled >= THRESHOLDS[0], structure=_EIGHT)
    if count:
        largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
        axis = float(major_axes(largest.astype(np.int32), 1, mpp_x, mpp_y)[0])
        features[5:] = np.log1p(cell * largest.sum()), np.log1p(axis / _LENGTH_UNIT_UM), filled[largest].mean()
    return features


class SlideScoreModel(StandardisedRegression):
    """From a heatmap's features to the probability of tumour: what `slide-score.json` holds."""

    known_features = FEATURES

    slides: int
    """Slides that it was fitted on."""
    tumour_slides: int
