import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sentinode.models.networks.network import central_third, pool


@given(st.integers(1, 60))
def test_the_central_third_is_symmetric_and_covers_no_more_than_it_must(length: int) -> None:
    part = central_third(length)
    assert part.start == length - part.stop
    assert length <= 3 * (part.stop - part.start) < length + 6


@pytest.mark.parametrize(("length", "span"), [(1, 1), (2, 2), (3, 1), (5, 3), (6, 2), (7, 3), (11, 5), (96, 32)])
def test_the_central_third_of_known_lengths(length: int, span: int) -> None:
    part = central_third(length)
    assert part.stop - part.start == span


def test_poolings_are_concatenated_in_order() -> None:
    maps = torch.arange(2 * 3 * 9 * 5, dtype=torch.float32).reshape(2, 3, 9, 5).sin()
    pooled = pool(maps, ("centre-max", "mean", "max", "centre")).numpy()
    array = maps.numpy()
    centre = array[:, :, 3:6, 1:4]
    expected = [centre.max((2, 3)), array.mean((2, 3)), array.max((2, 3)), centre.mean((2, 3))]
    np.testing.assert_allclose(pooled, np.concatenate(expected, axis=1), atol=1e-6)
