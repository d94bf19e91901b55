"""Six classical models behind one interface: scaling, selection of features, classifier; and the usual grids."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from sentinode.core.errors import RecipeError
from sentinode.training.classical.classifier_config import ClassicalConfig, ClassicalModel

SCALER, SELECTOR, CLASSIFIER = "scaler", "selector", "classifier"
"""Names of the pipeline's steps; the selector is there only where `select` is not 0."""

# Every fit has to end at its optimum: one that stops early differs from machine to machine.
_STEPS = 10_000
_NEIGHBOURS = (51, 25, 15, 9, 5, 3, 1)

_CLASSIFIERS: dict[ClassicalModel, Callable[[int], BaseEstimator]] = {
    # L-BFGS: one loss for any number of classes, and milliseconds where features outnumber samples.
    "logistic": lambda _: LogisticRegression(max_iter=_STEPS),
    "linear-svm": lambda seed: LinearSVC(dual="auto", max_iter=_STEPS, random_state=seed),
    # A margin for each pair of classes, which `logits` sums up; scikit-learn's "ovr" counts votes, which jump.
    "rbf-svm": lambda _: SVC(decision_function_shape="ovo"),
    "forest": lambda seed: RandomForestClassifier(n_estimators=300, random_state=seed),
    # Stopping early would set samples aside once more; beyond ten thousand of them scikit-learn would do so by itself.
    "boosting": lambda seed: HistGradientBoostingClassifier(early_stopping=False, random_state=seed),
    "neighbours": lambda _: KNeighborsClassifier(),
}


def build_pipeline(config: ClassicalConfig, seed: int) -> Pipeline:
    """The unfitted pipeline: scaler, selector where features are selected, classifier with the fixed parameters.

    Args:
        config: The recipe's classifier.
        seed: Of the models that draw at random (forest, boosting, the linear SVM's order).

    Raises:
        RecipeError: A parameter that the model does not have.
    """
    classifier: Any = _CLASSIFIERS[config.model](seed)
    known = classifier.get_params()
    for table, names in (("parameters", config.parameters), ("grid", config.grid or {})):
        if unknown := sorted(set(names) - set(known)):
            raise RecipeError(
                f"classifier.{table}.{unknown[0]}: {type(classifier).__name__} has no such parameter; "
                f"it has {', '.join(sorted(known))}"
            )
    steps: list[tuple[str, BaseEstimator]] = [(SCALER, StandardScaler())]
    if any(config.selections):
        steps.append((SELECTOR, SelectKBest(f_statistic, k=_keep(config.selections[0]))))
    return Pipeline([*steps, (CLASSIFIER, classifier.set_params(**config.parameters))])


def parameter_grid(config: ClassicalConfig, n_features: int, n_train: int) -> dict[str, list[Any]]:
    """What is tuned, by the pipeline's parameter names, as scikit-learn's `ParameterGrid` and `GridSearchCV` take it.

    Args:
        config: The recipe's classifier.
        n_features: Features there are: a selection of as many or more keeps all.
        n_train: Samples of the smallest inner training part: more neighbours than these there can't be.

    Returns:
        A dict, empty where nothing is tuned, of lists that are never empty. Of equally good values the first is
        chosen, so every list of the usual grids begins with the most cautious one.
    """
    chosen = _usual_grid(config.model, n_train) if config.grid is None else config.grid
    grid = {f"{CLASSIFIER}__{name}": values for name, values in chosen.items() if name not in config.parameters}
    if any(config.selections):
        grid[f"{SELECTOR}__k"] = list(dict.fromkeys(_keep(k if k < n_features else 0) for k in config.selections))
    return grid


def f_statistic(X: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """The F statistic of a one-way analysis of variance, for each feature; 0 where a feature is always the same.

    A network's channels that never fire are constant, and no reason for the warnings that scikit-learn would give.
    """
    varying = np.ptp(X, axis=0) > 0
    scores = np.zeros(X.shape[1])
    if varying.any():
        with np.errstate(divide="ignore", invalid="ignore"):  # a feature that parts the classes perfectly: infinite
            scores[varying] = f_classif(X[:, varying], y)[0]
    return scores


def _keep(count: int) -> int | str:
    return count or "all"


def _usual_grid(model: ClassicalModel, n_train: int) -> dict[str, list[Any]]:
    if model in ("logistic", "linear-svm"):
        return {"C": [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]}
    if model == "rbf-svm":
        return {"C": [0.1, 1.0, 10.0, 100.0]}
    if model == "forest":
        return {"min_samples_leaf": [5, 1] if n_train >= 20 else [1]}
    if model == "boosting":
        # The usual 20 samples a leaf would leave tens of images without a single cut.
        return {"learning_rate": [0.03, 0.1], "min_samples_leaf": [max(1, min(20, n_train // 10))]}
    return {"n_neighbors": [count for count in _NEIGHBOURS if count <= max(1, n_train // 2)]}
