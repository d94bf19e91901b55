"""What lies around tiles: the same pixels whoever asks, read once for neighbours, white outside the slide."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import slide_files
from sentinode.core.errors import SlideError, SlideReadError
from sentinode.slides.context import ContextBlocks, read_with_context
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import read_batches
from sentinode.slides.tile_plan import TileSpec, plan_tiles

MPP, SIZE = 0.5, 32
WIDTH, HEIGHT = 1300, 1100  # more than one block of 256 px each way at four times 0.5 µm/px


@pytest.fixture(scope="module")
def pixels() -> slide_files.Pixels:
    return slide_files.picture(WIDTH, HEIGHT)


@pytest.fixture
def slide(tmp_path: Path, pixels: slide_files.Pixels) -> Iterator[Slide]:
    slide_files.write_tiff(
        tmp_path / "one.tif", slide_files.pyramid(pixels, 4), compression="deflate", photometric="rgb"
    )
    with open_slide(tmp_path / "one.tif") as opened:
        yield opened


def _around(pixels: slide_files.Pixels, x0: int, y0: int) -> np.ndarray:
    """The mean of 4 × 4 level-0 pixels around a tile, white outside; by another road than the reader's."""
    reach = SIZE * 3 // 2
    padded = np.full((HEIGHT + 4 * SIZE, WIDTH + 4 * SIZE, 3), 255.0)
    padded[2 * SIZE : 2 * SIZE + HEIGHT, 2 * SIZE : 2 * SIZE + WIDTH] = pixels
    top, left = 2 * SIZE + y0 - reach, 2 * SIZE + x0 - reach
    wide = padded[top : top + 4 * SIZE, left : left + 4 * SIZE]
    return wide.reshape(SIZE, 4, SIZE, 4, 3).mean(axis=(1, 3))


@pytest.mark.parametrize("place", [(320, 256), (0, 0), (WIDTH // SIZE * SIZE, 960), (1024 - SIZE, 1024 - SIZE)])
def test_it_is_the_same_place_four_times_as_coarse(
    slide: Slide, pixels: slide_files.Pixels, place: tuple[int, int]
) -> None:
    tile, around = read_with_context(slide, ContextBlocks(slide, MPP, SIZE), MPP, *place, SIZE)
    np.testing.assert_array_equal(tile, slide.read_at(MPP, *place, SIZE, SIZE))
    # The file's own levels were rounded twice on the way.
    np.testing.assert_allclose(around, _around(pixels, *place), atol=2)


def test_tiles_of_a_plan_come_with_it_in_any_order_and_number(slide: Slide) -> None:
    plan = plan_tiles(slide.width, slide.height, slide.mpp, TileSpec(size_px=SIZE, mpp=MPP, context=True))
    parts = [
        part.tiles.copy()
        for part in read_batches(slide, MPP, SIZE, plan.x0, plan.y0, batch=50, threads=3, context=True)
    ]
    found = np.concatenate(parts)
    assert found.shape == (len(plan), 2, SIZE, SIZE, 3)
    plain = [part.tiles.copy() for part in read_batches(slide, MPP, SIZE, plan.x0, plan.y0, batch=50, threads=2)]
    np.testing.assert_array_equal(found[:, 0], np.concatenate(plain))
    for number in np.random.default_rng(1).permutation(len(plan))[:20]:
        blocks = ContextBlocks(slide, MPP, SIZE)  # nothing read before: what a training tile is read by
        alone = read_with_context(slide, blocks, MPP, int(plan.x0[number]), int(plan.y0[number]), SIZE)
        np.testing.assert_array_equal(found[number], alone)


def test_neighbours_share_what_is_read(slide: Slide, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[tuple[float, float]] = Counter()
    reading = Slide.read_scaled

    def counted(self: Slide, choice: Any, x0: float, y0: float, width: int, height: int) -> Any:
        read[x0, y0] += 1
        return reading(self, choice, x0, y0, width, height)

    plan = plan_tiles(slide.width, slide.height, slide.mpp, TileSpec(size_px=SIZE, mpp=MPP))
    monkeypatch.setattr(Slide, "read_scaled", counted)
    tiles = sum(
        len(part.tiles) for part in read_batches(slide, MPP, SIZE, plan.x0, plan.y0, batch=64, threads=4, context=True)
    )
    assert tiles == len(plan) > 1000
    assert dict(read) == {(x, y): 1 for x in (0, 1024) for y in (0, 1024)}


def test_a_tile_whose_context_can_not_be_read_is_unreadable(slide: Slide, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise SlideReadError("the block is damaged")

    monkeypatch.setattr(Slide, "read_scaled", broken)
    x0 = np.array([0, SIZE, 5 * SIZE])
    (part,) = read_batches(slide, MPP, SIZE, x0, np.zeros(3, int), batch=8, threads=2, context=True)
    assert set(part.unreadable) == {0, 1, 2}
    assert (part.tiles == 255).all()


def test_a_slide_that_is_too_coarse_is_refused(slide: Slide) -> None:
    with pytest.raises(SlideError, match="coarser"):
        ContextBlocks(slide, 0.1, SIZE)
