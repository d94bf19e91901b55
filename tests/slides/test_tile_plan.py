"""Tiling is pure, so its properties can be tried on any size, µm/px, stride and mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sentinode.core.errors import DataError
from sentinode.slides.mpp import Mpp
from sentinode.slides.tile_plan import LevelZeroBox, TileSpec, plan_tiles
from sentinode.slides.tissue.tissue_mask import TissueMask

sizes = st.integers(1, 3000)
mpps = st.builds(Mpp, st.floats(0.1, 1.2), st.floats(0.1, 1.2))
specs = st.builds(
    TileSpec,
    size_px=st.integers(16, 300),
    mpp=st.floats(0.2, 4.0),
    stride_px=st.none() | st.integers(12, 400),
    min_tissue=st.floats(0, 1),
)


@given(sizes, sizes, mpps, specs)
def test_starts_lie_on_the_slide_in_rows_without_duplicates(width: int, height: int, mpp: Mpp, spec: TileSpec) -> None:
    plan = plan_tiles(width, height, mpp, spec)
    assert len(plan) >= 1
    assert (plan.x0 >= 0).all()
    assert (plan.y0 >= 0).all()
    assert (plan.x0 < width).all()
    assert (plan.y0 < height).all()
    places = list(zip(plan.y0.tolist(), plan.x0.tolist(), strict=True))
    assert places == sorted(set(places))


@given(sizes, sizes, mpps, specs)
def test_the_slide_is_covered_by_as_few_rows_and_columns_as_can_be(
    width: int, height: int, mpp: Mpp, spec: TileSpec
) -> None:
    plan = plan_tiles(width, height, mpp, spec)
    for starts, length, size, own in (
        (np.unique(plan.x0), width, plan.width, mpp.x),
        (np.unique(plan.y0), height, plan.height, mpp.y),
    ):
        step = spec.step_px * spec.mpp / own
        assert np.abs(np.diff(starts) - step).max(initial=0) <= 1
        if spec.step_px <= spec.size_px:
            assert starts[-1] + size >= length - 2  # rounding of start, size and what needs no tile
            assert np.diff(starts).max(initial=0) <= size + 1
        if len(starts) > 1 and step >= 1:  # without the last one the edge would stay bare
            assert starts[-2] + size < length + 2


@given(sizes, sizes, mpps, specs, st.data())
def test_a_region_gives_the_tiles_of_the_slide_that_touch_it(
    width: int, height: int, mpp: Mpp, spec: TileSpec, data: st.DataObject
) -> None:
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    region = LevelZeroBox(x0, y0, data.draw(st.integers(1, width)), data.draw(st.integers(1, height)))
    whole, part = (plan_tiles(width, height, mpp, spec, region=each) for each in (None, region))
    expected = {
        (x, y)
        for x, y in zip(whole.x0.tolist(), whole.y0.tolist(), strict=True)
        if x < x0 + region.width and x + whole.width > x0 and y < y0 + region.height and y + whole.height > y0
    }
    assert set(zip(part.x0.tolist(), part.y0.tolist(), strict=True)) == expected


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 17))), specs)
def test_the_mask_keeps_tiles_with_enough_tissue_and_no_other(mask: np.ndarray, spec: TileSpec) -> None:
    mpp = Mpp(0.5, 0.25)
    tissue = TissueMask(mask, Mpp(8.0, 8.0), mpp)
    width, height = mask.shape[1] * 16, mask.shape[0] * 32
    every, kept = plan_tiles(width, height, mpp, spec), plan_tiles(width, height, mpp, spec, tissue)
    fraction = tissue.fraction(every.x0, every.y0, every.width, every.height).astype(np.float32)
    chosen = (fraction > 0) & (fraction >= spec.min_tissue)
    assert kept.x0.tolist() == every.x0[chosen].tolist()
    assert kept.y0.tolist() == every.y0[chosen].tolist()
    assert kept.tissue.tolist() == fraction[chosen].tolist()


def test_tiles_lie_on_the_cells_of_a_composed_slide() -> None:
    plan = plan_tiles(5 * 384, 3 * 384, Mpp(0.24300001, 0.24300001), TileSpec(size_px=96, mpp=0.972))
    assert (plan.width, plan.height) == (384, 384)
    assert list(zip(plan.x0.tolist(), plan.y0.tolist(), strict=True)) == [
        (384 * column, 384 * row) for row in range(3) for column in range(5)
    ]


def test_different_um_per_px_across_and_down() -> None:
    plan = plan_tiles(1000, 1000, Mpp(0.5, 0.25), TileSpec(size_px=100, mpp=1.0, stride_px=50))
    assert (plan.width, plan.height) == (200, 400)
    assert np.unique(plan.x0).tolist() == list(range(0, 801, 100))
    assert np.unique(plan.y0).tolist() == [0, 200, 400, 600]


def test_an_empty_mask_gives_an_empty_plan() -> None:
    tissue = TissueMask(np.zeros((5, 7), bool), Mpp(8.0, 8.0), Mpp(0.5, 0.5))
    plan = plan_tiles(112, 80, Mpp(0.5, 0.5), TileSpec(size_px=16, mpp=1.0, min_tissue=0), tissue)
    assert len(plan) == 0


def test_a_region_beside_the_slide_is_refused() -> None:
    with pytest.raises(DataError, match="outside the slide of 300 × 200"):
        plan_tiles(300, 200, Mpp(1, 1), TileSpec(size_px=10, mpp=1), region=LevelZeroBox(300, 0, 5, 5))
    with pytest.raises(DataError, match="0 × 5"):
        LevelZeroBox(0, 0, 0, 5)
