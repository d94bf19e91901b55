"""Tiles on their grid, against cells worked out by hand."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import openslide
import pytest
import tifffile

from sentinode.core.palette import PALETTE, colour_table
from sentinode.scanning.heatmap import Heatmap, build_heatmap, write_heatmap
from sentinode.slides.mpp import Mpp
from sentinode.slides.tile_plan import TileSpec, plan_tiles

SLIDE_MPP = Mpp(0.5, 0.25)


def heatmap_of(stride_px: int | None, scores: list[float], width: int = 70, height: int = 81) -> Heatmap:
    """Tiles of 10 px at 1 µm/px: 20 × 40 level-0 pixels."""
    spec = TileSpec(size_px=10, mpp=1.0, stride_px=stride_px)
    plan = plan_tiles(width, height, SLIDE_MPP, spec)
    assert len(plan) == len(scores)
    return build_heatmap(width, height, SLIDE_MPP, spec, plan.x0, plan.y0, np.array(scores, np.float32))


def test_touching_tiles_are_cells() -> None:
    heatmap = heatmap_of(None, [0.1, 0.2, 0.3, 0.4, 0.5, np.nan, 0.7, 0.8, 0.9, 1.0, 0, 0.5])
    np.testing.assert_allclose(heatmap.values, [[0.1, 0.2, 0.3, 0.4], [0.5, np.nan, 0.7, 0.8], [0.9, 1, 0, 0.5]])
    assert (heatmap.downsample_x, heatmap.downsample_y, heatmap.mpp) == (20, 40, Mpp(10, 10))


def test_overlapping_tiles_weigh_by_the_area_that_they_cover() -> None:
    # Stride 4 of 10: a tile covers its cell, the next one, and half of the one after.
    heatmap = heatmap_of(4, [0.0, 1.0], width=28, height=40)
    assert heatmap.values[0] == pytest.approx([0, 0.5, 1 / 1.5, 1][: heatmap.values.shape[1]])


def test_tiles_with_gaps_between_them_are_cells_too() -> None:
    heatmap = heatmap_of(20, [0.25, 0.75, 0.5, 1.0], width=75, height=119)
    np.testing.assert_allclose(heatmap.values, [[0.25, 0.75], [0.5, 1.0]])


def test_the_file_is_a_pyramid_of_means_transparent_where_nothing_was_scanned(tmp_path: Path) -> None:
    values = np.full((37, 50), 0.4, np.float32)
    values[:, 20:] = np.nan
    values[0, 0] = 1.0
    write_heatmap(tmp_path, Heatmap(values, Mpp(93.312, 93.312), 384, 384), "tumour")
    with openslide.OpenSlide(tmp_path / "heatmap.tif") as file:
        assert file.level_dimensions == ((50, 37), (25, 18), (12, 9))
        assert float(file.properties["openslide.mpp-x"]) == pytest.approx(93.312, rel=1e-4)
        pixels = np.asarray(file.read_region((0, 0), 0, (50, 37)))
        assert (pixels[:, :20, 3] == 255).all()
        assert not pixels[:, 20:].any()
        assert tuple(pixels[0, 0, :3]) == tuple(colour_table()[255])
    with tifffile.TiffFile(tmp_path / "heatmap.tif") as file:
        half = file.pages[1].asarray()
    assert tuple(half[0, 0, :3]) == tuple(colour_table()[round(0.55 * 255)])


def test_the_palette_grows_lighter_all_the_way() -> None:
    published = mpl.colormaps[PALETTE](np.arange(256))[:, :3]
    assert np.array_equal(colour_table(), np.rint(published * 255).astype(np.uint8))
    luminance = colour_table().astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) > -0.5).all()  # but for rounding to 8 bits
    assert np.ptp(luminance) > 180
