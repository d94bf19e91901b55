from typing import Any, get_args

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.core.errors import EvaluationError, RecipeError
from sentinode.training.classical.classifier_config import ClassicalConfig, ClassicalModel
from sentinode.training.classical.grid_search import Fold, fit_tuned
from sentinode.training.classical.logits import auc_of, pair_means

# Small grids and small forests: what is tested is the choice, not the models.
SMALL: dict[str, dict[str, Any]] = {
    "logistic": {"grid": {"C": [0.01, 1.0]}},
    "linear-svm": {"grid": {"C": [0.001, 0.1]}},
    "rbf-svm": {"grid": {"C": [0.1, 10.0]}},
    "forest": {"parameters": {"n_estimators": 8}, "grid": {"min_samples_leaf": [5, 1]}},
    "boosting": {"parameters": {"max_iter": 4}, "grid": {"min_samples_leaf": [5, 2]}},
    "neighbours": {"grid": {"n_neighbors": [7, 1]}},
}


def _samples(n: int, classes: int = 2, features: int = 30, *, effect: float = 0.7, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    X = rng.normal(size=(n, features)) * rng.uniform(0.1, 20, features) + rng.normal(0, 50, features)
    X[:, :3] += effect * np.ptp(X[:, :3], axis=0) * rng.normal(size=(classes, 3))[y] / 4
    return X, y


def _folds(y: Any, k: int = 4, seed: int = 0) -> list[Fold]:
    return list(StratifiedKFold(k, shuffle=True, random_state=seed).split(y, y))


@pytest.mark.parametrize("select", [0, [5, 20]])
def test_nested_cross_validation_agrees_with_scikit_learns(select: Any) -> None:
    X, y = _samples(60)
    config = ClassicalConfig(grid={"C": [1e-3, 1e-2, 0.1, 1.0]}, select=select)
    steps = [StandardScaler(), *([SelectKBest(f_classif)] if select else []), LogisticRegression(max_iter=10_000)]
    grid: dict[str, Any] = {"logisticregression__C": [1e-3, 1e-2, 0.1, 1.0]}
    grid |= {"selectkbest__k": select} if select else {}
    for train, test in _folds(y, 5, seed=3):
        folds = _folds(y[train], seed=4)
        theirs = GridSearchCV(make_pipeline(*steps), grid, scoring="roc_auc", cv=folds).fit(X[train], y[train])
        ours = fit_tuned(config, X[train], y[train], folds=folds, seed=0)
        assert ours.parameters["C"] == theirs.best_params_["logisticregression__C"]
        assert ours.parameters.get("select") == theirs.best_params_.get("selectkbest__k")
        assert ours.score == pytest.approx(theirs.best_score_, abs=1e-9)
        expected = roc_auc_score(y[test], theirs.decision_function(X[test]))
        np.testing.assert_allclose(ours.logits(X[test])[:, 1], theirs.decision_function(X[test]), atol=1e-9)
        assert auc_of(ours.logits(X[test]), y[test]) == pytest.approx(expected, abs=1e-9)


def test_a_forest_of_three_classes_agrees_with_scikit_learns() -> None:
    X, y = _samples(90, classes=3)
    folds = _folds(y)
    forest = RandomForestClassifier(n_estimators=8, random_state=7)
    grid = {"randomforestclassifier__min_samples_leaf": [5, 1]}
    theirs = GridSearchCV(make_pipeline(StandardScaler(), forest), grid, scoring="roc_auc_ovr", cv=folds).fit(X, y)
    ours = fit_tuned(ClassicalConfig(model="forest", **SMALL["forest"]), X, y, folds=folds, seed=7)
    assert ours.parameters["min_samples_leaf"] == theirs.best_params_["randomforestclassifier__min_samples_leaf"]
    assert ours.score == pytest.approx(theirs.best_score_, abs=1e-9)
    np.testing.assert_allclose(softmax(ours.logits(X), axis=1), theirs.predict_proba(X), atol=1e-6)


def test_accuracy_agrees_with_scikit_learns() -> None:
    X, y = _samples(80, classes=4)
    folds, grid = _folds(y), [1e-3, 0.1, 10.0]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000))
    theirs = GridSearchCV(pipeline, {"logisticregression__C": grid}, scoring="accuracy", cv=folds).fit(X, y)
    ours = fit_tuned(ClassicalConfig(grid={"C": grid}, scoring="accuracy"), X, y, folds=folds, seed=0)
    assert ours.parameters == {"C": theirs.best_params_["logisticregression__C"]}
    assert ours.score == pytest.approx(theirs.best_score_, abs=1e-9)


@pytest.mark.parametrize("model", get_args(ClassicalModel))
def test_inner_answers_are_from_fits_that_had_not_seen_them(model: ClassicalModel) -> None:
    X, y = _samples(48, classes=3)
    config = ClassicalConfig(model=model, **SMALL[model])
    folds = _folds(y, 3)
    tuned = fit_tuned(config, X, y, folds=folds, seed=0, jobs=2)
    assert sorted(tuned.inner_index) == list(range(48))
    np.testing.assert_array_equal(tuned.inner_labels, y[tuned.inner_index])
    train, valid = folds[1]
    fixed = config.model_copy(update={"grid": {}, "parameters": config.parameters | tuned.parameters})
    again = fit_tuned(fixed, X[train], y[train], folds=[], seed=0)
    place = np.isin(tuned.inner_index, valid)
    np.testing.assert_allclose(again.logits(X[valid]), tuned.inner_logits[place], atol=1e-9)
    assert tuned.score == pytest.approx(
        np.mean([auc_of(tuned.inner_logits[np.isin(tuned.inner_index, v)], y[v]) for _, v in folds]), abs=1e-9
    )


@pytest.mark.parametrize(("model", "classes"), [*((model, 2) for model in get_args(ClassicalModel)), ("logistic", 3)])
def test_shuffled_labels_give_chance_with_selection_and_tuning(model: ClassicalModel, classes: int) -> None:
    config = ClassicalConfig(model=model, select=[3, 10], **SMALL[model])
    aucs = []
    for seed in range(20):
        X, y = _samples(200, classes, effect=2.0, seed=seed)
        y = np.random.default_rng(100 + seed).permutation(y)
        tuned = fit_tuned(config, X[:40], y[:40], folds=_folds(y[:40], 2), seed=seed)
        aucs.append(auc_of(tuned.logits(X[40:]), y[40:]))
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.05)


def test_selecting_on_everything_would_show() -> None:
    """What the test above guards against: features selected on all samples before they are shared out."""
    aucs = []
    for seed in range(5):
        X, y = _samples(50, features=2000, effect=0, seed=seed)
        y = np.random.default_rng(100 + seed).permutation(y)
        leaky = SelectKBest(f_classif, k=10).fit_transform(X, y)
        honest = fit_tuned(ClassicalConfig(grid={}, select=10), X, y, folds=_folds(y), seed=0).score
        leaking = fit_tuned(ClassicalConfig(grid={}), leaky, y, folds=_folds(y), seed=0).score
        aucs.append((honest, leaking))
    honest_mean, leaking_mean = np.mean(aucs, axis=0)
    assert honest_mean < 0.7
    assert leaking_mean > 0.85


def test_a_fold_of_one_class_does_not_count() -> None:
    X, y = _samples(40)
    folds = [*_folds(y), (np.arange(4, 40), np.flatnonzero(y == 0)[:2])]
    config = ClassicalConfig(grid={"C": [0.01, 1.0]})
    with_it, without = (fit_tuned(config, X, y, folds=some, seed=0) for some in (folds, folds[:-1]))
    assert with_it.score == without.score
    assert len(with_it.inner_logits) == 42


def test_what_can_not_be_learned_is_refused() -> None:
    X, y = _samples(40)
    one_class = [(np.arange(40), np.flatnonzero(y == 0)[:5])]
    with pytest.raises(EvaluationError, match=r"inner fold.*accuracy"):
        fit_tuned(ClassicalConfig(), X, y, folds=one_class, seed=0)
    with pytest.raises(EvaluationError, match="of two at least; there are \\[0\\]"):
        fit_tuned(ClassicalConfig(), X, np.zeros(40), folds=_folds(y), seed=0)
    with pytest.raises(EvaluationError, match=r"fold 1 of 1 .*class 1"):
        fit_tuned(ClassicalConfig(), X, y, folds=[(np.flatnonzero(y == 0), np.arange(40))], seed=0)
    with pytest.raises(RecipeError, match=r"6 points .*no inner folds"):
        fit_tuned(ClassicalConfig(), X, y, folds=[], seed=0)
    with pytest.raises(RecipeError, match="classifier: The 'C' parameter of LogisticRegression must be a float"):
        fit_tuned(ClassicalConfig(parameters={"C": -1.0}), X, y, folds=_folds(y), seed=0)


def test_an_auc_that_can_not_be_told_is_not_a_number() -> None:
    assert np.isnan(auc_of(np.zeros((3, 2)), np.zeros(3, int)))
    assert auc_of(np.array([[0, 1, 0], [1, 0, 0], [0, 1.0, 0]]), np.array([1, 0, 1])) == 1.0  # no third class here


def test_margins_of_pairs_become_one_for_each_class() -> None:
    # Pairs in scikit-learn's order: 0 against 1, 0 against 2, 1 against 2.
    np.testing.assert_allclose(np.array([[1.0, 2.0, -3.0]]) @ pair_means(3), [[1.5, -2.0, 0.5]])
