"""Fréchet and kernel distance against SciPy's matrix root, closed forms and plain loops."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from sentinode.metrics.synthesis.distribution_distance import frechet_distance, kernel_distance


@pytest.mark.parametrize("images", [40, 6])  # more than there are features, and fewer: the covariance lacks rank
def test_the_frechet_distance_is_that_of_the_matrix_root(images: int) -> None:
    rng = np.random.default_rng(0)
    real, drawn = rng.normal(size=(images, 8)), rng.normal(0.3, 1.4, size=(images + 3, 8)) @ rng.normal(size=(8, 8))
    first, second = np.cov(real, rowvar=False), np.cov(drawn, rowvar=False)
    means = real.mean(0) - drawn.mean(0)
    expected = means @ means + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert frechet_distance(real, drawn) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)


def test_of_large_normal_samples_it_is_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    spreads, shift = np.array([1.0, 2.0, 0.5]), np.array([0.0, 1.0, -2.0])
    real, drawn = rng.normal(size=(60_000, 3)), rng.normal(size=(60_000, 3)) * spreads + shift
    expected = (shift**2).sum() + ((1 - spreads) ** 2).sum()
    assert frechet_distance(real, drawn) == pytest.approx(expected, rel=0.03)


def test_the_kernel_distance_is_that_of_plain_loops() -> None:
    rng = np.random.default_rng(2)
    real, drawn = rng.normal(size=(7, 5)), rng.normal(0.5, 1, size=(9, 5))

    def similar(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 5 + 1) ** 3)

    within = np.mean([similar(a, b) for i, a in enumerate(real) for j, b in enumerate(real) if i != j])
    between = np.mean([similar(a, b) for i, a in enumerate(drawn) for j, b in enumerate(drawn) if i != j])
    across = np.mean([similar(a, b) for a in real for b in drawn])
    assert kernel_distance(real, drawn) == pytest.approx(within + between - 2 * across, rel=1e-9)


def test_the_kernel_distance_of_samples_of_one_distribution_is_zero_on_average() -> None:
    rng = np.random.default_rng(3)
    found = [kernel_distance(rng.normal(size=(30, 4)), rng.normal(size=(30, 4))) for _ in range(200)]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
