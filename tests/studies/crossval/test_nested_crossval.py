"""The nested procedure: nothing leaks, and scikit-learn agrees on the same folds."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.core.progress import Progress
from sentinode.metrics.crossval.fold_answers import repeat_aucs
from sentinode.studies.crossval.crossval_config import CrossvalConfig
from sentinode.studies.crossval.folds import Samples, inner_parts, plan_folds
from sentinode.studies.crossval.nested_crossval import Procedure, collected, cross_validate, permute
from sentinode.training.classical.classifier_config import ClassicalConfig

# Small enough for twenty seeds of every model in seconds; selection and tuning are on in each of them.
MODELS = {
    "logistic": {"grid": {"C": [0.01, 1.0]}},
    "linear-svm": {"grid": {"C": [0.01, 1.0]}},
    "rbf-svm": {"grid": {"C": [0.1, 10.0]}},
    "forest": {"grid": {"min_samples_leaf": [1, 4]}, "parameters": {"n_estimators": 5}},
    "boosting": {"grid": {"learning_rate": [0.1, 0.3]}, "parameters": {"max_iter": 3, "min_samples_leaf": 3}},
    "neighbours": {"grid": {"n_neighbors": [3, 7]}},
}


def make_samples(labels: np.ndarray, groups: list[str] | None = None) -> Samples:
    ids = [str(number) for number in range(len(labels))]
    return Samples(ids, ids, labels.astype(np.int64), groups, ("normal", "tumour"), "tumour")


def make_procedure(model: str, seed: int = 0, **crossval: object) -> Procedure:
    config = ClassicalConfig.model_validate({"model": model, "select": [3, 8], **MODELS[model]})
    values = {"folds": 2, "repeats": 1, "inner_folds": 2, "permutations": 0} | crossval
    return Procedure(config, CrossvalConfig.model_validate(values), "sensitivity>=0.95", seed)


def mean_auc(procedure: Procedure, samples: Samples, values: np.ndarray) -> float:
    folds = plan_folds(samples, procedure.crossval, procedure.seed)
    tested = cross_validate(procedure, samples, values, folds, jobs=1, progress=Progress())
    return float(repeat_aucs(collected(samples, tested)).mean())


@pytest.mark.parametrize("model", sorted(MODELS))
def test_shuffled_labels_give_an_auc_of_one_half(model: str) -> None:
    rng = np.random.default_rng(7)
    found = []
    for seed in range(20):
        labels = rng.permutation(np.arange(48) % 2)
        found.append(mean_auc(make_procedure(model, seed), make_samples(labels), rng.normal(size=(48, 16))))
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_selecting_on_all_samples_would_be_seen() -> None:
    # The same noise, but its best features picked beforehand: the leak that the test above must be able to find.
    rng = np.random.default_rng(7)
    found = []
    for seed in range(4):
        labels, values = rng.permutation(np.arange(60) % 2), rng.normal(size=(60, 400))
        best = np.argsort(-np.abs(values[labels == 1].mean(axis=0) - values[labels == 0].mean(axis=0)))[:24]
        found.append(mean_auc(make_procedure("logistic", seed), make_samples(labels), values[:, best]))
    assert np.mean(found) > 0.7


def test_duplicates_under_one_group_do_not_raise_the_auc() -> None:
    rng = np.random.default_rng(3)
    together, apart = [], []
    for seed in range(6):
        labels, values = rng.permutation(np.arange(30) % 2), rng.normal(size=(30, 16))
        labels, values = np.repeat(labels, 3), np.repeat(values, 3, axis=0)
        groups = [str(number) for number in np.repeat(np.arange(30), 3)]
        procedure = make_procedure("neighbours", seed)
        together.append(mean_auc(procedure, make_samples(labels, groups), values))
        apart.append(mean_auc(procedure, make_samples(labels), values))
    assert np.mean(together) == pytest.approx(0.5, abs=0.1)
    assert np.mean(apart) > 0.65  # what the group keeps out


def test_agrees_with_scikit_learn_on_the_same_folds() -> None:
    rng = np.random.default_rng(1)
    labels = (np.arange(38) < 22).astype(np.int64)
    values = rng.normal(size=(38, 64)) + 0.4 * labels[:, None]
    samples, grid = make_samples(labels), [1e-3, 1e-1, 10.0]
    config = ClassicalConfig(grid={"C": list(grid)})
    procedure = Procedure(config, CrossvalConfig(folds=4, repeats=2, inner_folds=3), "youden", 5)
    for one in cross_validate(
        procedure, samples, values, plan_folds(samples, procedure.crossval, 5), jobs=1, progress=Progress()
    ):
        train = one.fold.train
        theirs = GridSearchCV(
            Pipeline([("scaler", StandardScaler()), ("classifier", LogisticRegression(max_iter=10_000))]),
            {"classifier__C": grid},
            scoring="roc_auc",
            cv=inner_parts(samples, train, 3, 5),
        ).fit(values[train], labels[train])
        assert one.details["C"] == theirs.best_params_["classifier__C"]
        assert one.details["inner_score"] == pytest.approx(theirs.best_score_, abs=1e-9)
        logits = np.log(one.probabilities[:, 1] / one.probabilities[:, 0]) * one.temperature
        assert logits == pytest.approx(theirs.decision_function(values[one.fold.test]), abs=1e-6)


def test_no_test_sample_changes_what_its_fold_chose() -> None:
    rng = np.random.default_rng(2)
    labels = np.arange(40) % 2
    values = rng.normal(size=(40, 10)) + labels[:, None]
    samples, procedure = make_samples(labels), make_procedure("logistic")
    fold = plan_folds(samples, procedure.crossval, 0)[0]
    other = values.copy()
    other[fold.test] = 1e3
    before, after = (
        cross_validate(procedure, samples, each, [fold], jobs=1, progress=Progress())[0] for each in (values, other)
    )
    assert before.threshold == after.threshold
    assert before.details == after.details
    assert not np.allclose(before.probabilities, after.probabilities)


def test_permutation_test_is_small_where_there_is_something_to_learn_and_not_where_there_is_nothing() -> None:
    rng = np.random.default_rng(4)
    labels = np.arange(36) % 2
    samples, noise = make_samples(labels), rng.normal(size=(36, 12))
    procedure = make_procedure("logistic", permutations=9)
    clear = permute(procedure, samples, noise + labels[:, None], jobs=1, progress=Progress())
    nothing = permute(procedure, samples, noise, jobs=1, progress=Progress())
    assert clear is not None
    assert nothing is not None
    assert (clear.p_value, len(clear.shuffled)) == (1 / 10, 9)
    assert nothing.p_value > 0.1
    once = make_procedure("logistic")
    assert clear.observed == mean_auc(once, samples, noise + labels[:, None])
    assert permute(once, samples, noise, jobs=1, progress=Progress()) is None


def test_three_classes_have_no_threshold() -> None:
    rng = np.random.default_rng(5)
    labels = np.arange(45) % 3
    samples = Samples([str(n) for n in range(45)], [""] * 45, labels, None, ("a", "b", "c"), None)
    values = rng.normal(size=(45, 6)) + np.eye(3)[labels] @ rng.normal(size=(3, 6)) * 2
    procedure = make_procedure("logistic")
    folds = plan_folds(samples, procedure.crossval, 0)
    answers = collected(samples, cross_validate(procedure, samples, values, folds, jobs=1, progress=Progress()))
    assert answers.thresholds is None
    assert repeat_aucs(answers)[0] > 0.8
