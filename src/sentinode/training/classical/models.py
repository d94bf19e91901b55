"""Six classical models behind one interface: scaling, selection of features, classifier; and the grids they are tuned on."""

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from sentinode.core.errors import RecipeError
from sentinode.training.classical.config import ClassicalConfig, ClassicalModel

SCALER, SELECTOR, CLASSIFIER = "scaler", "selector", "classifier"
"""Names of the pipeline's steps; the selector is there only where `select` is not 0."""

SELECT = "select"
"""What the number of kept features is called among the tuned parameters."""

# Every fit has to end at its optimum: what stops early differs from machine to machine.
_STEPS = 10_000
_LARGEST_NEIGHBOURHOOD = 51

_CLASSIFIERS: dict[ClassicalModel, Callable[[int], BaseEstimator]] = {
    # L-BFGS: exact for several classes too, and milliseconds where features outnumber samples.
    "logistic": lambda seed: LogisticRegression(max_iter=_STEPS),
    "linear-svm": lambda seed: LinearSVC(dual="auto", max_iter=_STEPS, random_state=seed),
    # Pairs of classes, whose margins `logits` sums: scikit-learn's own "ovr" counts votes, which jump.
    "rbf-svm": lambda seed: SVC(decision_function_shape="ovo"),
    "forest": lambda seed: RandomForestClassifier(n_estimators=300, random_state=seed),
    # Stopping early would set samples aside once more; with ten thousand samples scikit-learn would do so by itself.
    "boosting": lambda seed: HistGradientBoostingClassifier(early_stopping=False, random_state=seed),
    "neighbours": lambda seed: KNeighborsClassifier(),
}


def build_pipeline(config: ClassicalConfig, seed: int) -> Pipeline:
    """The unfitted pipeline: scaler, selector where features are selected, classifier with the fixed parameters.

    Args:
        config: The recipe's classifier.
        seed: Of the models that draw at random (forest, boosting, the linear SVM's order).

    Raises:
        RecipeError: A parameter that the model does not have.
    """
    classifier = _CLASSIFIERS[config.model](seed)
    known = classifier.get_params()
    for table, names in (("parameters", config.parameters), ("grid", config.grid or {})):
        if unknown := sorted(set(names) - set(known)):
            raise RecipeError(
                f"classifier.{table}.{unknown[0]}: {type(classifier).__name__} has no such parameter; "
                f"it has {', '.join(sorted(known))}"
            )
    steps = [(SCALER, StandardScaler()), (CLASSIFIER, classifier.set_params(**config.parameters))]
    if any(config.selections):
        steps.insert(1, (SELECTOR, SelectKBest(f_classif)))
    return Pipeline(steps)


def parameter_grid(config: ClassicalConfig, n_features: int, n_train: int) -> dict[str, list[Any]]:
    """What is tuned, by the pipeline's parameter names, as scikit-learn's `ParameterGrid` and `GridSearchCV` take it.

    Args:
        config: The recipe's classifier.
        n_features: Features there are: a selection of as many or more keeps all.
        n_train: Samples of the smallest inner training part: more neighbours than these there can't be.

    Returns:
        Empty lists never; an empty dict where nothing is tuned. Of equally good values the first is chosen, so every
        list begins with the most cautious one.
    """
    chosen = _usual_grid(config.model, n_train) if config.grid is None else config.grid
    grid = {f"{CLASSIFIER}__{name}": values for name, values in chosen.items() if name not in config.parameters}
    if any(config.selections):
        grid[f"{SELECTOR}__k"] = ["all" if k == 0 or k >= n_features else k for k in config.selections]
    return grid


def _usual_grid(model: ClassicalModel, n_train: int) -> dict[str, list[Any]]:
    if model in ("logistic", "linear-svm"):
        return {"C": [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]}
    if model == "rbf-svm":
        return {"C": [0.1, 1.0, 10.0, 100.0]}
    if model == "forest":
        return {"min_samples_leaf": [leaf for leaf in (5, 1) if leaf == 1 or 4 * leaf <= n_train]}
    if model == "boosting":
        # The usual 20 samples a leaf would leave tens of images without a single cut.
        return {"learning_rate": [0.03, 0.1], "min_samples_leaf": [max(1, min(20, n_train // 10))]}
    largest = max(1, min(_LARGEST_NEIGHBOURHOOD, n_train // 2))
    return {"n_neighbors": [count for count in (51, 25, 15, 9, 5, 3, 1) if count <= largest]}
