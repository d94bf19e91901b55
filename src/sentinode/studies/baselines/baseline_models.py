"""A classical model on features, tuned and calibrated on inner folds of the training images alone."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from sentinode.data.manifest import Manifest
from sentinode.metrics.measures.calibration import fit_temperature
from sentinode.studies.crossval.folds import Part, Samples, inner_parts
from sentinode.training.classical.classifier_config import ClassicalConfig
from sentinode.training.classical.grid_search import TunedModel, fit_tuned
from sentinode.training.features.feature_config import FeaturesConfig
from sentinode.training.features.feature_table import FeatureTable

CLASSIFIERS = {
    "logistic": "logistic regression",
    "linear-svm": "linear support vector machine",
    "rbf-svm": "support vector machine with an RBF kernel",
    "forest": "random forest",
    "boosting": "gradient boosting",
    "neighbours": "nearest neighbours",
}
"""What the classifiers are called in a sentence."""

DESCRIPTORS = {"pixels": "pixels", "colour": "colour and stain", "texture": "texture"}
"""The features that need no network, and what they are called."""


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A tuned classifier with its temperature."""

    tuned: TunedModel
    temperature: float
    """Fitted to the out-of-fold answers of the inner folds."""

    seconds: float
    """Tuning, fitting and calibrating took."""

    def probabilities(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, D) features → (n, K)."""
        return np.asarray(softmax(self.tuned.logits(values) / self.temperature, axis=1))

    def chosen(self) -> str:
        """What tuning chose, as `C = 0.1`; empty where nothing was tuned."""
        return ", ".join(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
                         for name, value in self.tuned.parameters.items())  # fmt: skip


def inner_folds(manifest: Manifest, index: NDArray[np.int64], folds: int, seed: int) -> list[Part]:
    """Inner folds of some of the training images, grouped where groups are known.

    Args:
        manifest: The data set's.
        index: Which of the training images.
        folds: So many, or fewer where a class has fewer images or groups.
        seed: Of the dealing.

    Raises:
        DataError: Not even two folds can be made.
    """
    samples = Samples(
        ids=manifest.ids("train"),
        paths=manifest.paths("train"),
        labels=manifest.labels("train"),
        groups=manifest.groups("train"),
        class_names=manifest.class_names,
        positive=manifest.positive,
    )
    return inner_parts(samples, index, folds, seed)


def words_of(features: FeaturesConfig) -> str:
    """What the features are called in a sentence."""
    if features.kind != "network":
        return DESCRIPTORS[features.kind]
    return features.bundle or (features.model.architecture if features.model else "")


def fit_model(config: ClassicalConfig, train: FeatureTable, folds: list[Part], *, seed: int, jobs: int) -> FittedModel:
    """Tune, fit and calibrate.

    Args:
        config: Classifier and grid.
        train: Features of the training images.
        folds: Inner folds over them.
        seed: Of classifiers that draw at random.
        jobs: Folds fitted at a time.
    """
    began = time.perf_counter()
    # Folds share the cores out; threads within each fit would only get in one another's way.
    with threadpool_limits(limits=1):
        tuned = fit_tuned(config, train.values, train.labels, folds=folds, seed=seed, jobs=jobs)
    temperature = fit_temperature(tuned.inner_logits, tuned.inner_labels)
    return FittedModel(tuned, temperature, time.perf_counter() - began)
