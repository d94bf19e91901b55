"""Plans of folds: every sample tested once a repeat, no group on two sides, every class everywhere, or an error."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinode.core.errors import DataError, RecipeError
from sentinode.studies.crossval.crossval_config import CrossvalConfig
from sentinode.studies.crossval.folds import Samples, SampleWords, inner_parts, plan_folds, plan_words


def make_samples(labels: list[int], groups: list[str] | None = None) -> Samples:
    ids = [f"{number}.png" for number in range(len(labels))]
    names = tuple("abc"[: max(labels) + 1]) if max(labels) else ("a", "b")
    return Samples(ids, ids, np.array(labels), groups, names, "b" if len(names) == 2 else None)


def test_the_thirty_eight_images_are_dealt_into_five_folds_ten_times() -> None:
    samples = make_samples([1] * 22 + [0] * 16)
    plan = plan_folds(samples, CrossvalConfig(), seed=0)
    assert [(fold.repeat, fold.number) for fold in plan] == [(r, k) for r in range(10) for k in range(5)]
    for repeat in range(10):
        tested = np.concatenate([fold.test for fold in plan if fold.repeat == repeat])
        assert sorted(tested.tolist()) == list(range(38))
    assert {(len(f.test), int(samples.labels[f.test].sum())) for f in plan} <= {(8, 5), (8, 4), (7, 4)}
    first, second = (np.concatenate([f.test for f in plan if f.repeat == r]) for r in (0, 1))
    assert not np.array_equal(first, second)
    again = plan_folds(samples, CrossvalConfig(), seed=0)
    assert all(np.array_equal(one.test, other.test) for one, other in zip(plan, again, strict=True))
    assert plan_words(CrossvalConfig(), samples) == "5-fold, stratified, 10 repeats"


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=6, max_size=14),
    folds=st.integers(2, 5),
    seed=st.integers(0, 1000),
)
def test_no_group_is_on_two_sides_and_every_fold_has_every_class(
    sizes: list[tuple[int, int]], folds: int, seed: int
) -> None:
    labels = [label for a, b in sizes for label in [0] * a + [1] * b]
    groups = [f"slide {number}" for number, (a, b) in enumerate(sizes) for _ in range(a + b)]
    samples = make_samples(labels, groups)
    plan = plan_folds(samples, CrossvalConfig(folds=folds, repeats=2), seed)
    for fold in plan:
        assert set(np.array(groups)[fold.train]).isdisjoint(np.array(groups)[fold.test])
        assert set(fold.train.tolist()) | set(fold.test.tolist()) == set(range(len(labels)))
        assert all(set(samples.labels[side].tolist()) == {0, 1} for side in (fold.train, fold.test))
        for train, valid in inner_parts(samples, fold.train, 3, seed):
            inside = np.array(groups)[fold.train]
            assert set(inside[train]).isdisjoint(inside[valid])


def test_leave_one_out_and_leave_one_group_out() -> None:
    alone = plan_folds(make_samples([0, 1, 0, 1]), CrossvalConfig(plan="leave-one-out"), 0)
    assert [fold.test.tolist() for fold in alone] == [[0], [1], [2], [3]]
    samples = make_samples([0, 1, 0, 1, 1], ["x", "x", "y", "y", "z"])
    config = CrossvalConfig(plan="leave-one-group-out")
    assert [fold.test.tolist() for fold in plan_folds(samples, config, 0)] == [[0, 1], [2, 3], [4]]
    assert plan_words(config, samples) == "leave one group out"


def test_inner_folds_are_fewer_where_a_class_has_few_images() -> None:
    samples = make_samples([0] * 4 + [1] * 20)
    assert len(inner_parts(samples, np.arange(24), 5, 0)) == 4
    with pytest.raises(DataError, match=r"21 images .*1 image of class a"):
        inner_parts(samples, np.arange(3, 24), 5, 0)


@pytest.mark.parametrize(
    ("labels", "groups", "config", "error", "message"),
    [
        ([0] * 3 + [1] * 9, None, {}, RecipeError, r"class a is in 3 images, fewer than crossval.folds = 5.*folds = 3"),
        ([0] + [1] * 9, None, {}, RecipeError, r"class a is in 1 image,.*add images of a"),
        (
            [0, 0, 0, 1, 1, 1] * 2,
            ["p"] * 6 + ["q"] * 6,
            {},
            RecipeError,
            r"class a is in 2 groups, fewer than crossval.folds = 5.*6 a in 2 groups, 6 b in 2 groups",
        ),
        ([0, 1] * 6, ["p"] * 12, {}, DataError, r"all of 12 images are of one group \(p\)"),
        ([0, 1] * 6, None, {"plan": "leave-one-group-out"}, RecipeError, "the source knows no groups"),
        ([0, 1] * 6, ["p", "q"] * 6, {"plan": "leave-one-out"}, RecipeError, "leave-one-group-out"),
        (
            [0, 0, 0, 1, 1, 1],
            ["p"] * 3 + ["q", "q", "r"],
            {"plan": "leave-one-group-out"},
            DataError,
            r"all images of class a are in one fold \(3 images, such as 0.png\)",
        ),
    ],
)
def test_what_can_not_be_dealt_is_refused_with_the_numbers(
    labels: list[int], groups: list[str] | None, config: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan_folds(make_samples(labels, groups), CrossvalConfig.model_validate(config), 0)


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([0] + [1] * 9, None, r"class a is in 1 slide, .*add slides of a, or take another task"),
        ([0, 1] * 6, ["p"] * 12, r"folds are made by patient, but all of 12 slides are of one patient \(p\); give each "
                                 r"patient its own name, or leave the patient column out"),
        ([0, 0, 0, 1, 1, 1] * 2, ["p"] * 6 + ["q"] * 6, r"class a is in 2 patients, .*6 b in 2 patients"),
    ],
)  # fmt: skip
def test_messages_call_samples_and_groups_what_they_are(
    labels: list[int], groups: list[str] | None, message: str
) -> None:
    words = SampleWords(sample="slide", group="patient", owner="patient", rare=", or take another task")
    with pytest.raises((DataError, RecipeError), match=message):
        plan_folds(replace(make_samples(labels, groups), words=words), CrossvalConfig(), 0)


def test_groups_of_one_class_that_leave_a_fold_without_it_are_refused() -> None:
    # Every fold needs both classes; one group holds nearly all of class a, and shares it with every group of class b.
    labels, groups = [0, 1, 0, 1, 1, 1], ["p", "p", "q", "q", "r", "s"]
    plan = plan_folds(make_samples(labels, groups), CrossvalConfig(folds=2, repeats=1), 0)
    assert all(set(np.array(labels)[fold.test]) == {0, 1} for fold in plan)
