"""Drawn parts of the training images: shares, nesting, whole groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.core.errors import EvaluationError
from sentinode.studies.baselines.training_subsets import check_enough, draw

FRACTIONS = st.floats(0.01, 1.0)
LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=120).map(np.array)


@given(LABELS, FRACTIONS, FRACTIONS, st.integers(0, 5))
def test_draws_have_each_class_s_share_and_are_nested(labels, one, other, seed):
    small, large = sorted([one, other])
    drawn = draw(labels, None, small, seed)
    assert set(drawn) <= set(draw(labels, None, large, seed))
    assert (np.diff(drawn) > 0).all()
    for label in np.unique(labels):
        share = small * (labels == label).sum()
        assert share - 1e-6 <= (labels[drawn] == label).sum() < share + 1


@given(LABELS, FRACTIONS, FRACTIONS, st.integers(0, 5), st.data())
def test_groups_stay_whole_until_the_fraction_is_reached(labels, one, other, seed, data):
    groups = data.draw(st.lists(st.sampled_from("abcdefghijkl"), min_size=len(labels), max_size=len(labels)))
    small, large = sorted([one, other])
    drawn, more = draw(labels, groups, small, seed), draw(labels, groups, large, seed)
    assert set(drawn) <= set(more)
    inside = {groups[place] for place in drawn}
    assert {place for place, group in enumerate(groups) if group in inside} == set(drawn)
    assert len(drawn) >= small * len(labels) - 1e-6
    # The last group was needed: without one of them the fraction would not be reached.
    sizes = [groups.count(group) for group in inside]
    if small < 1:
        assert len(drawn) - max(sizes) < small * len(labels)


def test_seeds_draw_differently_and_repeatably():
    labels = np.arange(200) % 2
    groups = [f"slide {place // 10}" for place in range(200)]
    for given_groups in (None, groups):
        draws = [tuple(draw(labels, given_groups, 0.2, seed)) for seed in range(5)]
        assert len(set(draws)) == 5
        assert draws[3] == tuple(draw(labels, given_groups, 0.2, 3))


def test_whole_groups_keep_the_classes_near_their_shares():
    # Tumour lies in 10 of 50 slides: a plain random tenth of the slides would lack it in a third of the draws.
    labels = np.repeat([1] * 10 + [0] * 40, 20)
    groups = [f"slide {place // 20}" for place in range(1000)]
    shares = [labels[draw(labels, groups, 0.1, seed)].mean() for seed in range(30)]
    assert min(shares) > 0
    assert np.mean(shares) == pytest.approx(0.2, abs=0.03)


def test_everything_is_everything():
    assert draw(np.array([0, 1, 1]), ["a", "a", "b"], 1.0, 0).tolist() == [0, 1, 2]


def test_too_few_images_of_a_class_are_refused():
    check_enough(np.array([0, 0, 1, 1]), ("normal", "tumour"), "fraction 0.1")
    with pytest.raises(EvaluationError, match=r"1 image .*tumour"):
        check_enough(np.array([0, 0, 1]), ("normal", "tumour"), "fraction 0.1")
    with pytest.raises(EvaluationError, match="leaves 0 images of class tumour"):
        check_enough(np.array([0, 0, 0]), ("normal", "tumour"), "train")
