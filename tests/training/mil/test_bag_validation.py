"""Slides held out for early stopping: whole patients, and every class on both sides."""

import numpy as np
import pytest

from sentinode.core.errors import DataError
from sentinode.training.mil.bag_validation import held_out


@pytest.mark.parametrize("seed", range(20))
def test_patients_with_mixed_nodes_leave_both_classes_on_both_sides(seed: int) -> None:
    """As in CAMELYON17: nearly every patient has tumour in some node, and one has none."""
    patients = [f"p{number // 5}" for number in range(30)]
    targets = np.array([int(number % 5 == 0) for number in range(30)])
    targets[:5] = 0
    outside = held_out(targets, patients, 0.2, seed)
    assert set(targets[outside]) == set(targets[~outside]) == {0, 1}
    inside = {patients[row] for row in np.flatnonzero(~outside)}
    assert not inside & {patients[row] for row in np.flatnonzero(outside)}


def test_a_class_of_one_patient_is_refused() -> None:
    with pytest.raises(DataError, match=r"all slides of class 1 are of one patient \(p0\)"):
        held_out(np.array([1, 1, 0, 0, 0]), ["p0", "p0", "p1", "p2", "p3"], 0.2, 0)


def test_classes_that_no_draw_can_part_are_refused() -> None:
    """Of the two patients with class 0 one has to be on either side, and so of class 1; the pairs don't allow both."""
    targets = np.array([0, 1, 0, 2, 1, 2])
    with pytest.raises(DataError, match="draws"):
        held_out(targets, ["a", "a", "b", "b", "c", "c"], 0.4, 0)
