"""Reduction by area, against integrals computed another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinode.slides.reduction import Extent, level_extent, reduce_area


def _integrated(pixels: np.ndarray, axis: int, extent: Extent) -> np.ndarray:
    # The area under a step function: its cumulated sum, interpolated at the edges of the pixels made.
    moved = np.moveaxis(pixels.astype(float), axis, 0)
    total = np.concatenate([np.zeros_like(moved[:1]), np.cumsum(moved, axis=0)])
    edges = extent.offset + np.arange(extent.made + 1) * extent.scale
    whole = np.minimum(np.floor(edges).astype(int), len(moved) - 1)
    at = total[whole] + moved[whole] * (edges - whole)[:, None, None]
    return np.moveaxis(np.diff(at, axis=0) / extent.scale, 0, axis)


@settings(deadline=None)
@given(
    start=st.floats(-50, 50),
    scale_x=st.floats(0.95, 6),
    scale_y=st.floats(0.95, 6),
    made=st.tuples(st.integers(1, 25), st.integers(1, 25)),
    seed=st.integers(0, 9),
)
def test_each_pixel_is_the_mean_of_its_area(
    start: float, scale_x: float, scale_y: float, made: tuple[int, int], seed: int
) -> None:
    _, across = level_extent(start, scale_x, made[0])
    _, down = level_extent(-start / 3, scale_y, made[1])
    pixels = np.random.default_rng(seed).integers(0, 256, (down.read, across.read, 3), dtype=np.uint8)
    found = reduce_area(pixels, across, down)
    assert (found.shape, found.dtype) == ((made[1], made[0], 3), np.uint8)
    expected = _integrated(_integrated(pixels, 0, down), 1, across)
    assert np.abs(found - expected).max() <= 0.5 + 1e-3


@settings(deadline=None)
@given(start=st.floats(-1000, 1000), scale=st.floats(0.95, 9), count=st.integers(1, 300))
def test_what_is_read_covers_what_is_made(start: float, scale: float, count: int) -> None:
    first, extent = level_extent(start, scale, count)
    assert extent.made == count
    begin, end = first + extent.offset, first + extent.offset + count * extent.scale
    assert abs(begin - start) <= (0.5 if extent.scale == round(extent.scale) else 1e-6)
    assert abs(end - (start + count * scale)) <= 1.0 + 1e-6
    assert first <= begin + 1e-6
    assert end - 1e-6 <= first + extent.read < end + 1 + 1e-6


@pytest.mark.parametrize("scale", [1.0, 1.0004, 0.9997])
def test_a_level_of_the_right_size_is_copied(scale: float) -> None:
    first, extent = level_extent(100.3, scale, 224)
    assert (first, extent) == (100, Extent(224, 224, 1, 0.0))
    pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    assert reduce_area(pixels, extent, extent) is pixels


@pytest.mark.parametrize("across", [1, 2, 3, 4, 5, 8, 16])
@pytest.mark.parametrize("down", [1, 3, 4])
def test_whole_scales(across: int, down: int) -> None:
    pixels = 255 - np.random.default_rng(0).integers(0, 5, (12 * down, 10 * across, 3)).astype(np.uint8)
    extents = [level_extent(0, scale, made)[1] for scale, made in ((across, 10), (down, 12))]
    blocks = pixels.reshape(12, down, 10, across, 3)
    assert np.abs(reduce_area(pixels, *extents) - blocks.mean(axis=(1, 3))).max() <= 0.5 + 1e-4


def test_four_by_four_by_hand() -> None:
    grey = np.array([[0, 4, 8, 12], [16, 20, 24, 28], [100, 100, 0, 0], [100, 100, 0, 2]], np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=2)
    _, halves = level_extent(0, 2, 2)
    assert reduce_area(pixels, halves, halves)[..., 0].tolist() == [[10, 18], [100, 1]]
    _, thirds = level_extent(0, 4 / 3, 3)
    # the first pixel holds 1 + 1/3 pixels each way: (0 + 4/3 + 16/3 + 20/9) / (16/9) = 5
    assert reduce_area(pixels, thirds, thirds)[0, 0, 0] == 5
