"""The robustness index against a case worked by hand, and at its ends."""

import numpy as np
import pytest

from sentinode.core.errors import EvaluationError
from sentinode.metrics.robustness_index import robustness_index


def turned(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane: neighbours go by the angle."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.arange(1, len(degrees) + 1)[:, None]


def test_a_case_worked_by_hand() -> None:
    # 0°: tumour A, 10°: tumour B, 25°: normal A, 45°: normal B. Two neighbours each, by angle:
    #   0° → 10 (class alone), 25 (centre alone);    10° → 0 (class alone), 25 (neither);
    #  25° → 10 (neither), 45 (class alone);         45° → 25 (class alone), 10 (centre alone).
    found = robustness_index(turned(0, 10, 25, 45), ["t", "t", "n", "n"], ["A", "B", "A", "B"], k=2)
    assert found.index.value == pytest.approx(4 / 6)
    assert found.shares == {"class and centre": 0.0, "class alone": 0.5, "centre alone": 0.25, "neither": 0.25}
    assert found.index.low is not None
    assert found.index.low <= 4 / 6 <= (found.index.high or 0)


def test_images_of_the_same_slide_are_no_neighbours() -> None:
    # The nearest of 0° is 1°, of its own slide; then comes 10° of its class and another centre.
    found = robustness_index(
        turned(0, 1, 10, 40, 50), ["t", "n", "t", "n", "n"], ["A", "A", "B", "B", "A"], slides=[1, 1, 2, 3, 4], k=1
    )
    # 0° → 10 class alone; 1° → 10 neither; 10° → 1 neither; 40° → 50 class alone; 50° → 40 class alone.
    assert found.index.value == 1.0
    assert found.shares["neither"] == 0.4


@pytest.mark.parametrize(("of_class", "of_centre", "expected"), [(5.0, 0.0, 1.0), (0.0, 5.0, 0.0), (0.0, 0.0, 0.5)])
def test_embeddings_by_class_by_centre_and_of_noise(of_class: float, of_centre: float, expected: float) -> None:
    rng = np.random.default_rng(0)
    classes, centres = np.repeat([0, 1], 200), np.tile([0, 1], 200)
    embeddings = rng.normal(0, 1, (400, 8))
    embeddings[:, 0] += of_class * (2 * classes - 1)
    embeddings[:, 1] += of_centre * (2 * centres - 1)
    found = robustness_index(embeddings, classes, centres)
    assert found.index.value == pytest.approx(expected, abs=0.04)
    assert found.accuracy == pytest.approx(1.0 if of_class else 0.5, abs=0.1)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert dict(found.curve)[found.k] == found.index.value


def test_what_can_not_be_measured_is_refused() -> None:
    places, pair = turned(0, 10, 20, 30), ["a", "a", "b", "b"]
    with pytest.raises(EvaluationError, match="one centre only"):
        robustness_index(places, pair, ["x"] * 4)
    with pytest.raises(EvaluationError, match="embedding 1 is zero or not finite"):
        robustness_index(places * [[1], [0], [1], [1]], pair, pair)
    with pytest.raises(EvaluationError, match="only 2 neighbours from other slides"):
        robustness_index(places, pair, ["x", "y", "x", "y"], slides=["s", "s", "t", "t"], k=3)
    with pytest.raises(EvaluationError, match="give one for each image"):
        robustness_index(places, pair[:3], pair)
    apart = robustness_index(turned(0, 1, 90, 91), pair, pair, k=1)  # class and centre are one
    assert apart.index.value is None
