"""Deletion and hits: hand-made cases, and agreement with scipy's hypergeometric distribution."""

import numpy as np
import pytest
from scipy import stats

from sentinode.core.metric import Metric
from sentinode.metrics.attention_measures import deletion_test, hit_test

_SHARES = (0.0, 0.1, 0.5)


def _ends(metric: Metric) -> tuple[float, float]:
    assert metric.low is not None
    assert metric.high is not None
    return metric.low, metric.high


def _width(metric: Metric) -> float:
    low, high = _ends(metric)
    return high - low


def test_the_gap_is_the_mean_over_steps_of_random_less_attended() -> None:
    attended = np.array([[0.9, 0.5, 0.1], [0.8, 0.4, 0.2]])
    random = np.array([[0.9, 0.9, 0.5], [0.8, 0.8, 0.4]])
    found = deletion_test(_SHARES, attended, random)
    assert found.gap.value == pytest.approx(np.mean([(0.4 + 0.4) / 2, (0.4 + 0.2) / 2]))
    assert found.attended == pytest.approx((0.85, 0.45, 0.15))
    assert found.random == pytest.approx((0.85, 0.85, 0.45))


def test_attention_of_no_use_has_a_gap_around_zero() -> None:
    rng = np.random.default_rng(0)
    attended, random = rng.uniform(size=(2, 80, 3))
    gap = deletion_test(_SHARES, attended, random).gap
    assert _ends(gap)[0] < 0 < _ends(gap)[1]


def test_slides_of_a_patient_are_resampled_together() -> None:
    rng = np.random.default_rng(1)
    gaps = np.repeat(rng.normal(size=5), 8)[:, None] + 0.01 * rng.normal(size=(40, 3))
    alone = deletion_test(_SHARES, np.zeros((40, 3)), gaps).gap
    together = deletion_test(_SHARES, np.zeros((40, 3)), gaps, [f"p{n // 8}" for n in range(40)]).gap
    assert _width(together) > 1.5 * _width(alone)


@pytest.mark.parametrize(("tiles", "touching"), [(1000, 3), (20, 18), (4, 1), (600, 0)])
def test_chance_is_hypergeometric(tiles: int, touching: int) -> None:
    found = hit_test([tiles], [touching], [False], 5)
    expected = stats.hypergeom(tiles, touching, min(5, tiles)).sf(0)
    assert found.chance == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_p_of_unequal_slides_is_that_of_their_sum() -> None:
    tiles, touching, hits = [50, 100, 200], [5, 1, 40], [True, True, False]
    chances = [stats.hypergeom(n, m, 5).sf(0) for n, m in zip(tiles, touching, strict=True)]
    a, b, c = chances
    at_least_two = a * b * (1 - c) + a * c * (1 - b) + b * c * (1 - a) + a * b * c
    found = hit_test(tiles, touching, hits, 5)
    assert found.p_value == pytest.approx(at_least_two)
    assert found.hits.value == pytest.approx(2 / 3)
    assert found.chance == pytest.approx(np.mean(chances))


def test_without_a_hit_chance_is_as_good() -> None:
    assert hit_test([10, 10], [1, 1], [False, False], 5).p_value == pytest.approx(1)
