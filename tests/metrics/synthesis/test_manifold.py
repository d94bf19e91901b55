"""Precision and recall against plain loops; what a collapse does to them and to diversity."""

import numpy as np
import pytest

from sentinode.metrics.synthesis.manifold import NEIGHBOURS, class_diversity, precision_recall


def _among(points: np.ndarray, others: np.ndarray) -> float:
    """The share of `others` within the ball of any of `points`, the ball reaching to the third nearest other point."""
    count = 0
    for other in others:
        for point in points:
            apart = sorted(float(np.linalg.norm(point - each)) for each in points)
            if np.linalg.norm(point - other) <= apart[NEIGHBOURS]:
                count += 1
                break
    return count / len(others)


def test_they_are_those_of_plain_loops() -> None:
    rng = np.random.default_rng(0)
    real, drawn = rng.normal(size=(25, 3)), rng.normal(1.2, 1.0, size=(20, 3))
    found = precision_recall(real, drawn)
    assert found == pytest.approx((_among(real, drawn), _among(drawn, real)))
    assert 0 < found[0] < 1
    assert 0 < found[1] < 1


def test_a_generator_that_draws_one_image_is_precise_and_recalls_nothing() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(200, 8))
    one = real.mean(0) + rng.normal(0, 1e-3, size=(200, 8))
    precision, recall = precision_recall(real, one)
    assert precision == 1
    assert recall == 0
    classes = np.arange(200) % 2
    assert class_diversity(real, classes, one, classes) < 0.01


def test_diversity_is_that_of_the_class_that_is_least_diverse() -> None:
    rng = np.random.default_rng(2)
    real, classes = rng.normal(size=(100, 4)), np.arange(100) % 2
    drawn = real * np.where(classes == 0, 1.0, 0.25)[:, None]
    assert class_diversity(real, classes, drawn, classes) == pytest.approx(0.25)
    two_points = np.where(classes[:, None] == 0, 0.0, 9.0) + np.zeros((100, 4))  # diverse only by its classes
    assert class_diversity(real, classes, two_points, classes) == 0
