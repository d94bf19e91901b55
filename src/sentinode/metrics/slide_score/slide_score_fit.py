"""Fitting a slide score, and measuring it across patients. Apart from the model, which runs without scikit-learn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.regression_fit import fitted_regression
from sentinode.metrics.slide_score.slide_auc import slide_auc
from sentinode.metrics.slide_score.slide_score_model import FEATURES, SlideScoreModel

STRENGTH = 1.0
"""Inverse of the L2 penalty on standardised features. Fixed: tens of slides are too few to tune it on."""

FOLDS = 5
"""Parts of the cross-validation; fewer where a class is in fewer patients."""


def fit_slide_score(features: NDArray[np.float64], truths: ArrayLike) -> SlideScoreModel:
    """Fit the model on all given slides.

    The scores are probabilities where tumour is as frequent as among these slides.

    Args:
        features: (N, F) by `heatmap_features`.
        truths: 1 for slides with tumour, 0 for others (N).

    Raises:
        EvaluationError: A class has no slide, or the shapes don't fit.
    """
    truth = _checked(features, truths)
    return fitted_regression(
        SlideScoreModel, features, truth, strength=STRENGTH, slides=len(truth), tumour_slides=int(truth.sum())
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
    """AUC of `held_out`."""
    brier: float
    """Mean square of `held_out` less truth: 0 is best."""
    brier_of_prevalence: float
    """The same for one who only knows how frequent tumour is: to be beaten."""
    auc_of_highest: Metric
    """AUC of the heatmap's highest value alone, on the same slides: to be beaten, too."""


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
        raise EvaluationError(
            f"{plural(len(groups), 'group')} for {plural(len(truth), 'slide')}; give one group for each slide"
        )
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
        held_out[left] = fit_slide_score(features[kept], truth[kept]).probabilities(features[left])
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
