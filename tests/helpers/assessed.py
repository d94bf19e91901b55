"""One realistic assessment of two classes and one of four, made once for all tests of pages and figures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from sentinode.metrics.assessment import Assessment, assess
from sentinode.metrics.decisions.low_confidence import low_confidence_band
from sentinode.metrics.decisions.thresholds import choose_threshold
from sentinode.metrics.predictions import Predictions


@dataclass(frozen=True)
class Assessed:
    """Predictions, what was measured on them, and pictures for them."""

    predictions: Predictions
    assessment: Assessment

    def image(self, row: int) -> NDArray[np.uint8]:
        return np.full((30, 40, 3), row % 256, dtype=np.uint8)


def binary_predictions(n: int, seed: int, groups: int | None = 7, shift: float = 0.0) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = 1 / (1 + np.exp(-(4.4 * labels - 2.2 + shift + rng.normal(0, 1.8, n))))
    return Predictions(
        [f"test/patch{row}.jpg" for row in range(n)],
        [""] * n,
        labels,
        np.column_stack([1 - scores, scores]),
        ("normal", "tumour"),
        1,
        None if groups is None else [f"slide {number}" for number in rng.integers(0, groups, n)],
    )


@pytest.fixture(scope="session")
def binary() -> Assessed:
    validation, test = binary_predictions(400, 1), binary_predictions(500, 2, shift=0.3)
    point = choose_threshold(validation.truths, validation.scores, "sensitivity>=0.95")
    assessment = assess(
        test,
        threshold=point,
        band=low_confidence_band(validation, point.value),
        temperature=1.25,
        targets=("auc>=0.9", "sensitivity>=0.999", "false_positive_rate<=0.5"),
        limits=("The images were recompressed.",),
        resamples=50,
    )
    return Assessed(test, assessment)


@pytest.fixture(scope="session")
def many() -> Assessed:
    rng = np.random.default_rng(3)
    n, names = 300, ("fat", "lymphocytes", "stroma", "tumour")
    labels = rng.integers(0, 4, n)
    logits = rng.normal(0, 1, (n, 4))
    logits[np.arange(n), labels] += 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predictions = Predictions([str(row) for row in range(n)], [""] * n, labels, probabilities, names)
    return Assessed(predictions, assess(predictions, threshold=None, resamples=50))


@pytest.fixture(scope="session")
def make_predictions() -> Callable[..., Predictions]:
    return binary_predictions
