"""Non-maximum suppression against its definition, one cell at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinode.core.errors import EvaluationError
from sentinode.metrics.froc.detections import Detections, suppress


def places(found, mpp_x=1.0, mpp_y=1.0):
    """(row, column) of each detection."""
    return [(int(y / mpp_y), int(x / mpp_x)) for x, y in zip(found.x_um, found.y_um, strict=True)]


def test_highest_first_and_neighbours_dropped():
    values = np.zeros((5, 9), np.float32)
    values[1, 2], values[1, 3], values[1, 5], values[4, 8] = 0.9, 0.95, 0.7, 0.6
    found = suppress(values, mpp_x=100, mpp_y=100, radius_um=150, minimum=0.5)
    assert places(found, 100, 100) == [(1, 3), (1, 5), (4, 8)]
    assert found.scores == pytest.approx([0.95, 0.7, 0.6])
    assert (found.x_um[0], found.y_um[0]) == (350, 150)


def test_a_cell_on_the_radius_is_dropped_and_one_beyond_it_is_not():
    values = np.array([[0.9, 0.0, 0.0, 0.8, 0.7]], np.float32)
    assert places(suppress(values, mpp_x=7.776, mpp_y=7.776, radius_um=3 * 7.776, minimum=0.1), 7.776, 7.776) == [
        (0, 0),
        (0, 4),
    ]


def test_what_a_dropped_cell_would_have_dropped_stays():
    # 0.8 is dropped by 0.9, so it does not drop 0.7.
    values = np.array([[0.9, 0.8, 0.7]], np.float32)
    assert places(suppress(values, mpp_x=1, mpp_y=1, radius_um=1, minimum=0.1)) == [(0, 0), (0, 2)]


def test_cells_that_are_not_square():
    values = np.array([[0.9, 0.8], [0.7, 0.6]], np.float32)
    found = suppress(values, mpp_x=10, mpp_y=30, radius_um=15, minimum=0.1)
    assert places(found, 10, 30) == [(0, 0), (1, 0)]
    assert found.y_um.tolist() == [15, 45]


def test_a_plateau_is_marked_inside():
    values = np.zeros((9, 12), np.float32)
    values[2:7, 3:8] = 1.0
    assert places(suppress(values, mpp_x=1, mpp_y=1, radius_um=8, minimum=0.5)) == [(4, 5)]


def test_cells_that_were_not_scanned_are_no_detections():
    values = np.array([[np.nan, 0.4, np.nan]], np.float32)
    assert places(suppress(values, mpp_x=1, mpp_y=1, radius_um=3, minimum=0.0)) == [(0, 1)]
    assert len(suppress(np.full((3, 4), np.nan), mpp_x=1, mpp_y=1, radius_um=3, minimum=0.0)) == 0


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(4, 40), st.sampled_from([0.0, 0.5]))
def test_agrees_with_the_definition(seed, tenths, minimum):
    radius = tenths / 10
    rng = np.random.default_rng(seed)
    values = rng.permutation(np.linspace(0, 1, 7 * 11)).reshape(7, 11)
    left = {(row, column): values[row, column] for row, column in np.ndindex(values.shape)}
    expected = []
    while left and max(left.values()) >= minimum:
        best = max(left, key=left.__getitem__)
        expected.append(best)
        left = {at: value for at, value in left.items() if np.hypot(at[0] - best[0], at[1] - best[1]) > radius}
    assert places(suppress(values, mpp_x=1, mpp_y=1, radius_um=radius, minimum=minimum)) == expected


@pytest.mark.parametrize(("mpp_x", "radius"), [(0, 10), (10, 0), (10, float("nan"))])
def test_sizes_must_be_above_zero(mpp_x, radius):
    with pytest.raises(EvaluationError, match="above 0"):
        suppress(np.ones((2, 3)), mpp_x=mpp_x, mpp_y=10, radius_um=radius, minimum=0.5)


def test_detections_of_unequal_length_or_without_a_place_are_refused():
    with pytest.raises(EvaluationError, match="one length"):
        Detections(np.zeros(2), np.zeros(3), np.zeros(3))
    with pytest.raises(EvaluationError, match="finite"):
        Detections(np.zeros(1), np.array([np.nan]), np.zeros(1))
