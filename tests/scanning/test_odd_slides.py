"""Slides of odd kinds from end to end: what a scan says of them, and where its results lie."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import tifffile

from helpers import slide_files
from sentinode.core.errors import DataError
from sentinode.scanning.scan_folder import open_scan
from sentinode.scanning.scan_record import SlideFacts
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.placement import placed
from sentinode.slides.mpp import Mpp
from sentinode.slides.tissue.tissue_mask import TissueMask
from sentinode.testing.oddities.pictures import tissue
from sentinode.testing.oddities.scn_file import write_scn

_PIXELS = slide_files.picture(472, 328)


def _write(path: Path, pixels: Any, **tags: Any) -> Path:
    known = {"tile": (48, 64), "compression": "lzw", "photometric": "rgb", "metadata": None}
    size = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, **{**known, **size, **tags})
    return path


def test_the_results_of_a_small_scanned_area_lie_where_qupath_shows_it(scan: Any, tmp_path: Path) -> None:
    write_scn(tmp_path / "area.scn", _PIXELS, 1000, 2000)
    _write(tmp_path / "plain.tif", _PIXELS)
    outcomes = scan(tmp_path / "area.scn", tmp_path / "plain.tif", threshold=0.5, alone=0.5, reader="openslide")
    area = outcomes[0].record
    assert (area.slide.width, area.slide.height) == (472, 328)
    assert (area.slide.origin_x, area.slide.origin_y) == (1000, 2000)
    both = [open_scan(scan.out / name) for name in ("area", "plain")]
    assert np.array_equal(*(one.heatmap().values for one in both), equal_nan=True)
    lesions = [json.loads((one.path / "lesions.geojson").read_text())["features"] for one in both]
    assert [feature["geometry"] for feature in lesions[0]] == [feature["geometry"] for feature in lesions[1]]
    sizes = []
    for one in both:
        with openslide.OpenSlide(one.path / "heatmap.tif") as heatmap:
            sizes.append(heatmap.dimensions)
    assert sizes[0] == sizes[1]
    # read again as an annotation, they are where they were
    drawn = read_annotations(both[0].path / "lesions.geojson")
    assert placed(drawn, area.slide.extent) == drawn


@pytest.mark.parametrize(
    ("pixels", "tags", "reason"),
    [
        (_PIXELS.astype(np.uint16) * 16, {}, "16 bits a sample"),
        (_PIXELS[..., 0], {"photometric": "minisblack"}, "is grey"),
        (_PIXELS, {"extratags": [(274, 3, 1, 3, True)]}, "turned or mirrored"),
        (_PIXELS, {"resolution": (1, 1)}, "--mpp"),
    ],
)
def test_what_can_not_be_read_right_fails_by_name(
    scan: Any, tmp_path: Path, pixels: Any, tags: dict[str, Any], reason: str
) -> None:
    (outcome,) = scan(_write(tmp_path / "odd.tif", pixels, **tags))
    assert outcome.record.status == "failed"
    assert reason in outcome.record.failure.message


def test_one_of_two_pictures(scan: Any, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        for pixels in (np.full((90, 70, 3), 243, np.uint8), _PIXELS):
            file.write(
                pixels, photometric="rgb", tile=(48, 64), metadata=None, resolution=(20_000, 20_000),
                resolutionunit="CENTIMETER",
            )  # fmt: skip
    (failed,) = scan(tmp_path / "two.tif")
    assert "--series" in failed.record.failure.message
    (outcome,) = scan(tmp_path / "two.tif", series=1)
    assert (outcome.record.slide.width, outcome.record.slide.height) == (472, 328)


def test_doubtful_colours_are_not_assessed(scan: Any, tmp_path: Path) -> None:
    wrong = np.ascontiguousarray(tissue(472, 328)[..., [1, 2, 0]])
    (outcome,) = scan(_write(tmp_path / "green.tif", wrong))
    assert "green or cyan" in outcome.record.not_assessed
    assert outcome.record.notes[0].startswith("not assessed: its colours are doubtful")
    (right,) = scan(_write(tmp_path / "right.tif", tissue(472, 328)))
    assert right.record.not_assessed == ""
    assert right.record.tiles.tissue_read == 1


def test_a_region_is_no_slide(scan: Any, slide: Path) -> None:
    (outcome,) = scan(slide, region={"x0": 0, "y0": 0, "width": 60, "height": 60})
    assert outcome.record.tiles.coverage == 1
    assert "of its tissue was read" in outcome.record.not_assessed


def test_tiles_with_gaps_between_them_are_no_slide(scan: Any, slide: Path) -> None:
    (outcome,) = scan(slide, stride_px=60)
    assert outcome.record.tiles.tissue_read < 0.4
    assert "of its tissue was read" in outcome.record.not_assessed


def test_the_part_of_the_tissue_that_rectangles_cover() -> None:
    mask = TissueMask(np.zeros((10, 20), bool), Mpp(8, 8), Mpp(0.5, 0.5))
    mask.mask[2:6, 4:12] = True  # 32 pixels of 16 level-0 pixels a side
    x0, y0 = np.array([64, 64]), np.array([32, 32])
    assert mask.covered(x0, y0, 128, 64) == 1  # twice the same
    assert mask.covered(x0[:1], y0[:1], 64, 64) == 0.5
    assert mask.covered(x0[:1] + 300, y0[:1], 64, 64) == 0
    assert mask.covered(x0[:0], y0[:0], 64, 64) == 0
    assert mask.covered(np.array([-40]), np.array([-40]), 5000, 5000) == 1  # reaches beyond the slide


def test_an_early_scan_that_counted_from_another_corner_is_not_believed() -> None:
    facts = SlideFacts(
        name="a", file="a.mrxs", sha256_of_ends="s", bytes=1, width=9, height=9, mpp_x=0.5, mpp_y=0.5,
        mpp_source="test", reader="openslide",
    )  # fmt: skip
    with pytest.raises(DataError, match=r"a\.mrxs is of an earlier version.*scan it again"):
        assert facts.extent
    assert facts.model_copy(update={"file": "a.svs"}).extent.origin_x == 0
    assert facts.model_copy(update={"origin_x": 7, "origin_y": 8}).extent.origin_y == 8
