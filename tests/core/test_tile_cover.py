"""Every pixel is in a tile, none is made up, and the image can be had back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.core.tile_cover import cut, joined, starts, tile_count, tiles_along


@given(side=st.integers(1, 300), further=st.integers(0, 5000))
def test_tiles_cover_an_axis_evenly_and_stay_inside(side: int, further: int) -> None:
    length = side + further
    count = tiles_along(length, side)
    found = starts(np.arange(count), length, side)
    assert count == -(-length // side)
    assert found[0] == 0
    assert found[-1] == length - side
    gaps = np.diff(found)
    assert (gaps <= side).all()
    assert (gaps > 0).all()
    assert np.ptp(gaps) <= 1 if len(gaps) else True
    exact = np.arange(count) * (length - side) / max(count - 1, 1)
    assert (np.abs(found - exact) <= 0.5).all()


@given(side=st.integers(1, 9), height=st.integers(9, 40), width=st.integers(9, 40), seed=st.integers(0, 9))
def test_an_image_comes_back_from_its_tiles(side: int, height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    tiles = cut(image, side)
    assert tiles.shape == (tile_count(height, width, side), side, side, 3)
    np.testing.assert_array_equal(joined(tiles, height, width), image)


def test_tiles_are_in_rows_and_an_image_of_one_tile_is_itself() -> None:
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    tiles = cut(image, 4)
    places = [(0, 0), (0, 3), (1, 0), (1, 3)]
    for tile, (y, x) in zip(tiles, places, strict=True):
        np.testing.assert_array_equal(tile, image[y : y + 4, x : x + 4])
    np.testing.assert_array_equal(cut(image[:4, :4], 4)[0], image[:4, :4])


@pytest.mark.parametrize(("height", "width", "tiles"), [(63, 200, 0), (200, 63, 0), (64, 64, 1), (150, 110, 6)])
def test_the_number_of_tiles(height: int, width: int, tiles: int) -> None:
    assert tile_count(height, width, 64) == tiles
