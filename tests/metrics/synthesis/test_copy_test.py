"""A planted copy is caught, many copies are told as such, and a generator that copies nothing is not accused."""

import numpy as np
import pytest

from sentinode.metrics.synthesis.copy_test import copy_test


def _three(seed: int, images: int = 300, features: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drawn, learned and held-out ones of one distribution."""
    rng = np.random.default_rng(seed)
    drawn, learned, held_out = (rng.normal(size=(images, features)) for _ in range(3))
    return drawn, learned, held_out


def test_one_planted_copy_among_many_is_named_though_the_rest_is_new() -> None:
    drawn, learned, held_out = _three(0)
    drawn[17] = learned[250] + 0.05  # nearly
    found = copy_test(drawn, learned, held_out)
    assert found.copies.tolist() == [17]
    assert found.nearest[17] == 250
    assert found.p_value > 0.05
    assert found.copied
    assert found.verdict().startswith("1 drawn image is a copy (of 300); as a whole")


def test_a_generator_that_often_stays_near_what_it_has_seen_is_told_as_a_whole() -> None:
    drawn, learned, held_out = _three(1)
    drawn[:100] = learned[:100] + 0.55 * drawn[:100]
    found = copy_test(drawn, learned, held_out)
    assert found.p_value < 0.01
    assert found.ratio < 1
    assert "the generator copies in part" in found.verdict()


def test_of_generators_that_copy_nothing_about_one_in_twenty_is_accused() -> None:
    found = [copy_test(*_three(seed, images=120)) for seed in range(60)]
    assert sum(one.p_value < 0.05 for one in found) <= 8  # of Binomial(60, 0.05): more is once in 200
    assert not any(len(one.copies) for one in found)


def test_blank_patches_that_lie_near_to_each_other_are_no_copies() -> None:
    drawn, learned, held_out = _three(2)
    rng = np.random.default_rng(3)
    for part in (drawn, learned, held_out):
        part[:20] = 8 + rng.normal(0, 1e-3, size=(20, 16))
    assert copy_test(drawn, learned, held_out).copies.tolist() == []
    drawn[3] = learned[5]
    assert copy_test(drawn, learned, held_out).copies.tolist() == [3]


def test_empty_sets_are_refused() -> None:
    drawn, learned, held_out = _three(4, images=5)
    with pytest.raises(ValueError, match="5 drawn, 3 learned and 5 held out"):
        copy_test(drawn, learned[:3], held_out)
    with pytest.raises(ValueError, match="0 held out"):
        copy_test(drawn, learned, held_out[:0])
