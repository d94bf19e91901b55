"""From a fitted pipeline to the head that answers alike inside a bundle's graph, in float32."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC

from sentinode.core.errors import RecipeError
from sentinode.models.bundle_info import HeadSpec
from sentinode.models.networks.heads import ClassicalHead, build_head
from sentinode.training.classical.logits import pair_means
from sentinode.training.classical.pipelines import CLASSIFIER, SCALER, SELECTOR
from sentinode.training.classical.trees import Scaling, boosting_trees, forest_trees, stack

_Arrays = dict[str, NDArray[Any]]
_Facts = dict[str, int]


def head_of(pipeline: Pipeline, description: str) -> ClassicalHead:
    """The head that does what a fitted pipeline does.

    Trees follow the very same paths. Everything else differs by what float32 rounds.

    Args:
        pipeline: Fitted, from `build_pipeline`.
        description: What the bundle's card calls it.

    Raises:
        RecipeError: A parameter that a head can't follow, such as another kernel or weighted neighbours.
    """
    classifier = pipeline[CLASSIFIER]
    kind, convert = next(entry for type_, entry in _CONVERTERS.items() if isinstance(classifier, type_))
    arrays, facts = convert(classifier, _scaling(pipeline), pipeline[SCALER].n_features_in_)
    spec = HeadSpec(kind=kind, classes=len(classifier.classes_), description=description, **facts)
    return build_head(spec, {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()})


def _scaling(pipeline: Pipeline) -> Scaling:
    scaler = pipeline[SCALER]
    columns = np.arange(scaler.n_features_in_)
    if SELECTOR in pipeline.named_steps:
        columns = pipeline[SELECTOR].get_support(indices=True)
    return Scaling(columns.astype(np.int32), scaler.mean_[columns], scaler.scale_[columns])


def _linear(classifier: Any, scaling: Scaling, features: int) -> tuple[_Arrays, _Facts]:
    two = len(classifier.classes_) == 2
    # One margin z of two classes becomes (0, z).
    weight = np.concatenate([np.zeros_like(classifier.coef_), classifier.coef_]) if two else classifier.coef_
    bias = np.broadcast_to(np.asarray(classifier.intercept_, dtype=np.float64), len(classifier.coef_))
    bias = np.concatenate([np.zeros(1), bias]) if two else bias
    centre = scaling.mean.astype(np.float32)
    folded = weight / scaling.scale
    rounded_off = folded @ (centre.astype(np.float64) - scaling.mean)
    return {
        "centre": _spread(centre, scaling, features),
        "weight": _spread(folded, scaling, features).astype(np.float32),
        "bias": (bias + rounded_off).astype(np.float32),
    }, {}


def _spread(values: NDArray[Any], scaling: Scaling, features: int) -> NDArray[Any]:
    """(…, S) → (…, D): zero where a column was not selected."""
    spread = np.zeros((*values.shape[:-1], features), dtype=values.dtype)
    spread[..., scaling.columns] = values
    return spread


def _scaled(scaling: Scaling, vectors: NDArray[np.float64]) -> _Arrays:
    centre = scaling.mean.astype(np.float32)
    return {
        "columns": scaling.columns,
        "centre": centre,
        "factor": (1 / scaling.scale).astype(np.float32),
        "shift": ((centre.astype(np.float64) - scaling.mean) / scaling.scale).astype(np.float32),
        "vectors": vectors.astype(np.float32),
    }


def _rbf_svm(classifier: SVC, scaling: Scaling, _: int) -> tuple[_Arrays, _Facts]:
    if classifier.kernel != "rbf":
        raise RecipeError(f"a bundle holds RBF support vector machines, not kernel = {classifier.kernel!r}; use rbf")
    coefficients, bias = _per_class(classifier)
    return {
        **_scaled(scaling, classifier.support_vectors_),
        "gamma": np.asarray(classifier._gamma, dtype=np.float32),
        "coefficients": coefficients.astype(np.float32),
        "bias": bias.astype(np.float32),
    }, {}


def _per_class(classifier: SVC) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (M, K) of the support vectors and bias (K,), for the logits as `logits_of` makes them.

    scikit-learn keeps a row of coefficients for each of the K − 1 classes that a support vector's own is held against.
    """
    dual, intercept, classes = classifier.dual_coef_, classifier.intercept_, len(classifier.classes_)
    if classes == 2:
        return np.stack([np.zeros_like(dual[0]), dual[0]], axis=1), np.array([0.0, intercept[0]])
    own = np.repeat(np.arange(classes), classifier.n_support_)  # class of each support vector
    pairs = [(first, second) for first in range(classes) for second in range(first + 1, classes)]
    margins = np.stack(
        [np.where(own == i, dual[j - 1], 0) + np.where(own == j, dual[i], 0) for i, j in pairs], axis=1
    )  # (M, P)
    means = pair_means(classes)
    return margins @ means, intercept @ means


def _neighbours(classifier: Any, scaling: Scaling, _: int) -> tuple[_Arrays, _Facts]:
    euclidean = classifier.effective_metric_ == "euclidean"
    if classifier.weights != "uniform" or not euclidean:
        raise RecipeError(
            f"a bundle holds neighbours that count alike by Euclidean distance, not weights = {classifier.weights!r} "
            f"with metric = {classifier.metric!r}; leave these parameters as they are"
        )
    arrays = {**_scaled(scaling, classifier._fit_X), "labels": classifier._y.astype(np.int32)}
    return arrays, {"neighbours": classifier.n_neighbors}


def _forest(classifier: Any, scaling: Scaling, features: int) -> tuple[_Arrays, _Facts]:
    stacked, depth = stack(forest_trees(classifier, scaling), features)
    return {**stacked, "baseline": np.zeros(1, np.float32)}, {"depth": depth}


def _boosting(classifier: Any, scaling: Scaling, features: int) -> tuple[_Arrays, _Facts]:
    stacked, depth = stack(boosting_trees(classifier, scaling), features)
    return {**stacked, "baseline": classifier._baseline_prediction.ravel().astype(np.float32)}, {"depth": depth}


_Converter = Callable[[Any, Scaling, int], tuple[_Arrays, _Facts]]
_CONVERTERS: dict[type[BaseEstimator], tuple[Any, _Converter]] = {
    LogisticRegression: ("linear", _linear),
    LinearSVC: ("linear", _linear),
    SVC: ("rbf-svm", _rbf_svm),
    RandomForestClassifier: ("forest", _forest),
    HistGradientBoostingClassifier: ("boosting", _boosting),
    KNeighborsClassifier: ("neighbours", _neighbours),
}
