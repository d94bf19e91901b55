"""Fitting `LesionProbability`, and measuring it on slides that it was not fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.metrics.lesion_probability import LesionProbability, any_odds
from sentinode.metrics.regression_fit import fitted_regression

STRENGTH = 0.3
"""Inverse of the L2 penalty on standardised features. Fixed: tens of slides are too few to tune it on."""
FOLDS = 8
FALSE_LESIONS = 0.1
"""False lesions a normal slide that the threshold may leave, in cross-validation."""
LEAST_THRESHOLD = 0.2
"""A lesion is no less likely than this, however few false ones the slides have."""


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """A rule, and what it gives on slides that were left out of its fitting."""

    model: LesionProbability
    """Fitted on all of them."""
    folds: int
    probabilities: NDArray[np.float64]
    """(N) of each suspect, by a model that has not seen its slide."""
    slides: tuple[str, ...]
    slide_probabilities: NDArray[np.float64]
    """Of each slide, by its left-out suspects; slope and intercept are fitted on all slides."""
    product_brier: float
    """Of 1 − Π(1 − p) as it is."""
    brier: float
    """Of the fitted slide probability."""


def cross_validated(
    features: NDArray[np.float64],
    truths: NDArray[np.bool_],
    slide_of: Sequence[str],
    tumour: dict[str, bool],
    groups: Sequence[str] | None = None,
) -> CrossValidated:
    """Fit a rule on suspects, and measure it across slides.

    Args:
        features: (N, F) of the suspects.
        truths: (N) whether each is a metastasis.
        slide_of: (N) whose it is.
        tumour: Every slide, also those without a suspect: whether it has a metastasis.
        groups: (N) what is left out together; None: slides. Slides of one tissue belong together.

    Raises:
        EvaluationError: All suspects are of one kind, also once a fold is left out, or fewer than two slides have any.
    """
    owner_of = list(groups) if groups is not None else list(slide_of)
    names = sorted(set(owner_of))
    if truths.all() or not truths.any() or len(names) < 2:
        raise EvaluationError(
            f"{int(truths.sum())} of {plural(len(truths), 'suspect')} on "
            f"{plural(len(names), 'slide')} are metastases; a rule needs both "
            "kinds, on several slides"
        )
    owners = np.array([names.index(owner) for owner in owner_of])
    folds = min(FOLDS, len(names))
    left_out = np.zeros(len(truths))
    for kept, left in GroupKFold(folds).split(features, truths, owners):
        if truths[kept].all() or not truths[kept].any():
            without = ", ".join(sorted({owner_of[place] for place in left}))
            raise EvaluationError(
                f"without {without} the suspects are of one kind; a rule needs metastases and false alarms on several "
                "slides, as each is left out once"
            )
        left_out[left] = _fitted(features[kept], truths[kept]).probabilities(features[left])
    slides = tuple(sorted(tumour))
    of_slide = [left_out[[owner == slide for owner in slide_of]] for slide in slides]
    odds = np.array([any_odds(each) for each in of_slide])
    truth = np.array([tumour[slide] for slide in slides])
    slope, intercept = _line(odds, truth)
    normal = int((~truth).sum())
    model = _fitted(features, truths).model_copy(
        update={
            "threshold": threshold_for(left_out, truths, np.array([tumour[slide] for slide in slide_of]), normal),
            "slide_slope": slope,
            "slide_intercept": intercept,
        }
    )
    slide_probabilities = np.array([model.slide_probability(each) for each in of_slide])
    product = 1 / (1 + np.exp(-odds))
    return CrossValidated(
        model, folds, left_out, slides, slide_probabilities,
        product_brier=float(np.mean((product - truth) ** 2)),
        brier=float(np.mean((slide_probabilities - truth) ** 2)),
    )  # fmt: skip


def threshold_for(
    probabilities: NDArray[np.float64], truths: NDArray[np.bool_], on_tumour: NDArray[np.bool_], normal_slides: int
) -> float:
    """The least threshold with at most `FALSE_LESIONS` false lesions a normal slide; at least `LEAST_THRESHOLD`.

    Where there is no normal slide, the least.
    """
    false = np.sort(probabilities[~truths & ~on_tumour])[::-1]
    allowed = int(FALSE_LESIONS * normal_slides)
    if len(false) <= allowed:
        return LEAST_THRESHOLD
    above = probabilities[probabilities > false[allowed]]
    limit = float((false[allowed] + above.min()) / 2) if len(above) else float(false[allowed]) + 1e-6
    return max(LEAST_THRESHOLD, limit)


def _fitted(features: NDArray[np.float64], truths: NDArray[np.bool_]) -> LesionProbability:
    return fitted_regression(LesionProbability, features, truths, strength=STRENGTH, threshold=0.5)


def _line(odds: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept that calibrate log-odds (Platt 1999); 1 and 0 where all slides are of one kind."""
    if truth.all() or not truth.any():
        return 1.0, 0.0
    found = LogisticRegression(C=1.0).fit(odds[:, None], truth)
    return float(found.coef_[0, 0]), float(found.intercept_[0])
