"""One score for a slide from its heatmap: features, and a small logistic regression, measured across patients."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from scipy import ndimage, special
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from sentinode.core.errors import EvaluationError
from sentinode.core.files import write_json
from sentinode.core.messages import one_line
from sentinode.core.metric import Metric
from sentinode.metrics.froc.masks import major_axes
from sentinode.metrics.slide_score.slide_auc import slide_auc

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

STRENGTH = 1.0
"""Inverse of the L2 penalty on standardised features. Fixed: tens of slides are too few to tune it on."""

FOLDS = 5
"""Parts of the cross-validation; fewer where a class is in fewer patients."""

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


class SlideScoreModel(BaseModel):
    """A fitted logistic regression, as plain numbers: what `slide-score.json` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[str, ...]
    means: tuple[float, ...]
    """Of each feature over the slides that it was fitted on."""
    scales: tuple[float, ...]
    """Standard deviation of each; 1 for a feature that did not vary."""
    coefficients: tuple[float, ...]
    """Of the standardised features."""
    intercept: float
    slides: int
    """Slides that it was fitted on."""
    tumour_slides: int

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.features != FEATURES:
            raise ValueError(f"features {', '.join(self.features)}; this version has {', '.join(FEATURES)}")
        if not len(self.means) == len(self.scales) == len(self.coefficients) == len(FEATURES):
            raise ValueError(f"a number of means, scales or coefficients other than {len(FEATURES)}")
        return self

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of tumour of each slide (N) from its features (N, F)."""
        standard = (features - np.array(self.means)) / np.array(self.scales)
        return np.asarray(special.expit(standard @ np.array(self.coefficients) + self.intercept))

    def save(self, path: Path) -> None:
        """Write it as JSON, atomically.

        Raises:
            StorageError: The disk is full or the folder can't be written.
        """
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            EvaluationError: There is none, or it is damaged or of another version.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
            raise EvaluationError(f"{path} is no model of a slide score ({one_line(error)}); fit it again") from error


def fit_slide_score(features: NDArray[np.float64], truths: ArrayLike) -> SlideScoreModel:
    """Fit the model on all given slides.

    Without class weights, so that the scores are probabilities where tumour is as frequent as among these slides.

    Args:
        features: (N, F) by `heatmap_features`.
        truths: 1 for slides with tumour, 0 for others (N).

    Raises:
        EvaluationError: A class has no slide, or the shapes don't fit.
    """
    truth = _checked(features, truths)
    means, scales = features.mean(axis=0), features.std(axis=0)
    scales = np.where(scales > 1e-12, scales, 1.0)
    fitted = LogisticRegression(C=STRENGTH, max_iter=1000).fit((features - means) / scales, truth)
    return SlideScoreModel(
        features=FEATURES,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        coefficients=tuple(fitted.coef_[0].tolist()),
        intercept=float(fitted.intercept_[0]),
        slides=len(truth),
        tumour_slides=int(truth.sum()),
    )


@dataclass(frozen=True, eq=False)
class SlideScoreResult:
    """A slide score and what it is worth on patients that it was not fitted on."""

    model: SlideScoreModel
    """Fitted on all slides."""
    held_out: NDArray[np.float64]
    """(N,) score of each slide by a model that saw no slide of its patient."""
    folds: int
    auc: Metric
    """Of `held_out`."""
    brier: float
    """Mean square of `held_out` less truth: 0 is best."""
    brier_of_prevalence: float
    """The same for one who only knows how frequent tumour is: to be beaten."""
    auc_of_highest: Metric
    """Of the heatmap's highest value alone, on the same slides: to be beaten, too."""


def cross_validated_slide_score(
    features: NDArray[np.float64], truths: ArrayLike, groups: Sequence[str], *, seed: int = 42
) -> SlideScoreResult:
    """Fit the model, and measure it by a cross-validation in which all slides of a patient stay together.

    Args:
        features: (N, F) by `heatmap_features`.
        truths: 1 for slides with tumour, 0 for others (N).
        groups: Patient of each slide (N), or the slide itself where every patient has one.
        seed: Of the folds and of the bootstrap.

    Raises:
        EvaluationError: A class is in fewer than two patients, or the shapes don't fit.
    """
    truth = _checked(features, truths)
    if len(groups) != len(truth):
        raise EvaluationError(f"{len(groups)} groups for {len(truth)} slides; give one group for each slide")
    owners = np.asarray(groups)
    folds = min(FOLDS, *(len(np.unique(owners[truth == label])) for label in (0, 1)))
    if folds < 2:
        raise EvaluationError(
            f"a class is in {folds} patient only: a slide score can't be measured on others; give slides with and "
            "without tumour of at least two patients each"
        )
    held_out = np.full(len(truth), np.nan)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for kept, left in splitter.split(features, truth, owners):
        held_out[left] = fit_slide_score(features[kept], truth[kept]).scores(features[left])
    return SlideScoreResult(
        model=fit_slide_score(features, truth),
        held_out=held_out,
        folds=folds,
        auc=slide_auc(truth, held_out, groups=list(groups), seed=seed),
        brier=float(np.mean((held_out - truth) ** 2)),
        brier_of_prevalence=float(truth.mean() * (1 - truth.mean())),
        auc_of_highest=slide_auc(truth, features[:, 0], groups=list(groups), seed=seed),
    )


def _checked(features: NDArray[np.float64], truths: ArrayLike) -> NDArray[np.int64]:
    truth = np.asarray(truths)
    if features.ndim != 2 or features.shape != (len(truth), len(FEATURES)) or not np.isfinite(features).all():
        raise EvaluationError(
            f"a slide score needs {len(FEATURES)} finite features and a truth for each slide; got {features.shape} and "
            f"{truth.shape}"
        )
    if not np.isin(truth, (0, 1)).all() or len(np.unique(truth)) < 2:
        raise EvaluationError("a slide score needs slides with tumour (1) and without (0); one of them is missing")
    return truth.astype(np.int64)
