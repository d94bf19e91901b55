"""Tango's interval for the difference of two rates on the same samples."""

import numpy as np
import pytest

from sentinode.metrics.measures.paired_rate import paired_difference


def _answers(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both, first, second, neither])
    b = np.repeat([True, False, True, False], [both, first, second, neither])
    return a, b


@pytest.mark.parametrize("n", [15, 100])
def test_two_that_never_differ_have_an_interval_all_the_same(n: int) -> None:
    metric = paired_difference(*_answers(n, 0, 0, 0), "none")
    reach = 1.959964**2 / (n + 1.959964**2)
    assert (metric.value, metric.low, metric.high) == pytest.approx((0, -reach, reach), abs=1e-5)


def test_it_is_the_same_the_other_way_round() -> None:
    a, b = _answers(40, 12, 4, 9)
    one, other = paired_difference(a, b, "none"), paired_difference(b, a, "none")
    assert one.value == pytest.approx(-8 / 65)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_always_the_one_and_never_the_other() -> None:
    metric = paired_difference(*_answers(0, 0, 20, 0), "none")
    assert (metric.value, metric.high) == (1, 1)
    assert 0.6 < metric.low < 1


def test_it_covers() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(600):
        kind = rng.choice(4, 40, p=[0.85, 0.08, 0.02, 0.05])
        metric = paired_difference(np.isin(kind, (0, 1)), np.isin(kind, (0, 2)), "none")
        held += metric.low <= -0.06 <= metric.high
    assert held / 600 >= 0.93


def test_without_samples_it_is_undefined() -> None:
    assert paired_difference(np.zeros(0, bool), np.zeros(0, bool), "no sample").method == "undefined: no sample"
