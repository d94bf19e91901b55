"""One slide, end to end, and what a scan leaves in its folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
from PIL import Image

from helpers import slide_files
from sentinode.core.errors import BundleError
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.scanning.scan_folder import open_scan, read_record, scans_in
from sentinode.scanning.tiles_file import read_scanned_tiles
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.slide import open_slide

COLUMNS, ROWS = 9, 6
FILES = {"scan.json", "tiles.parquet", "heatmap.tif", "overlay.png", "tissue.png", "lesions.geojson"}


def test_scores_are_those_of_the_engine_on_tiles_read_one_by_one(scan: Any, slide: Path, bundle: Bundle) -> None:
    scan(slide)
    tiles = read_scanned_tiles(scan.out / "one")
    assert len(tiles.x0) == COLUMNS * ROWS
    assert tiles.classes == ("normal", "tumour")
    with open_slide(slide) as opened:
        read = [opened.read_at(0.972, int(x), int(y), 30, 30) for x, y in zip(tiles.x0, tiles.y0, strict=True)]
    expected = open_engine(bundle, "openvino").predict(np.stack(read)).probabilities
    np.testing.assert_allclose(tiles.scores, expected, atol=1e-5)
    assert np.ptp(tiles.scores[:, 1]) > 0.001  # places differ, so that a mix-up would show


def test_the_folder_has_all_files_and_the_record_sums_them_up(scan: Any, slide: Path) -> None:
    tiles = None
    (outcome,) = scan(slide, threshold=0.0, alone=0.0)
    folder = scan.out / "one"
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in scan.out.iterdir() if path.name.startswith(".")] == []
    record = read_record(folder)
    assert record == outcome.record
    assert scans_in(scan.out) == scans_in(folder) == [open_scan(folder)]
    assert (record.slide.width, record.slide.height, record.slide.mpp_x) == (472, 328, 0.5)
    assert (record.tiles.planned, record.tiles.unreadable, record.tiles.coverage) == (54, 0, 1.0)
    tiles = read_scanned_tiles(folder)
    assert record.slide_score == pytest.approx(float(tiles.scores[:, 1].max()), abs=1e-6)
    (lesion,) = record.lesions  # at a threshold of 0 the whole slide is one
    assert lesion.area_mm2 == pytest.approx(472 * 328 * 0.25e-6)
    for name in ("overlay.png", "tissue.png"):
        assert max(np.asarray(Image.open(folder / name)).shape) >= 600


def test_heatmap_opens_in_openslide_with_its_physical_size(scan: Any, slide: Path) -> None:
    scan(slide)
    heatmap = open_scan(scan.out / "one").heatmap()
    assert heatmap.values.shape == (ROWS, COLUMNS)
    tiles = read_scanned_tiles(scan.out / "one")
    np.testing.assert_array_equal(heatmap.values.ravel(), tiles.scores[:, 1])  # in the tiles' order
    with openslide.OpenSlide(scan.out / "one" / "heatmap.tif") as file:
        assert file.dimensions == (COLUMNS, ROWS)
        assert float(file.properties["openslide.mpp-x"]) == pytest.approx(30 * 0.972, rel=1e-4)
        assert np.asarray(file.read_region((0, 0), 0, file.dimensions))[..., 3].min() == 255


def test_lesions_are_annotations_of_tumour_for_qupath(scan: Any, slide: Path) -> None:
    scan(slide, threshold=0.0, alone=0.0)
    path = scan.out / "one" / "lesions.geojson"
    (feature,) = json.loads(path.read_text())["features"]
    assert feature["properties"]["objectType"] == "annotation"
    assert feature["properties"]["measurements"]["Rank"] == 1
    (region,) = read_annotations(path).regions
    assert region.kind == "tumour"
    assert region.polygon.bounds == (0, 0, 472, 328)


def test_a_region_gives_the_same_scores_as_the_slide(scan: Any, slide: Path) -> None:
    scan(slide)
    whole = {(x, y): s for x, y, s in _rows(scan.out / "one")}
    scan(slide, region={"x0": 200, "y0": 100, "width": 80, "height": 70})
    part = _rows(scan.out / "one")
    assert 4 <= len(part) < 12
    for x, y, score in part:
        assert x < 280 <= x + 59 + 80
        assert score == pytest.approx(whole[x, y], abs=1e-6)
    heatmap = open_scan(scan.out / "one").heatmap()
    assert np.isnan(heatmap.values).sum() == COLUMNS * ROWS - len(part)


def test_overlap_averages(scan: Any, slide: Path) -> None:
    scan(slide, stride_px=15)
    folder = scan.out / "one"
    heatmap, tiles = open_scan(folder).heatmap(), read_scanned_tiles(folder)
    scores = {(x, y): s for x, y, s in _rows(folder)}
    xs, ys = np.unique(tiles.x0), np.unique(tiles.y0)
    four = [scores[x, y] for x in xs[3:5] for y in ys[1:3]]
    assert heatmap.values[2, 4] == pytest.approx(np.mean(four), abs=1e-6)
    assert heatmap.values[0, 0] == pytest.approx(scores[0, 0])


def test_averaging_over_orientations_can_be_switched(scan: Any, slide: Path) -> None:
    scan(slide)
    plain = read_scanned_tiles(scan.out / "one").scores
    scan(slide, test_time="d4")
    averaged = read_scanned_tiles(scan.out / "one").scores
    assert 1e-6 < np.abs(plain - averaged).max() < 0.5


def test_another_class_can_be_looked_for(scan: Any, slide: Path, write_model: Callable[..., Bundle]) -> None:
    many = write_model("many-classes")
    with pytest.raises(BundleError, match="--target: fat, mucus, muscle"):
        scan(slide, bundle=many)
    (outcome,) = scan(slide, bundle=many, target="mucus")
    assert (outcome.record.bundle.target, outcome.record.bundle.threshold) == ("mucus", 0.5)
    tiles = read_scanned_tiles(scan.out / "one")
    assert tiles.classes == ("fat", "mucus", "muscle")
    assert outcome.record.slide_score == pytest.approx(float(tiles.scores[:, 1].max()))


def test_a_bundle_without_a_physical_size_needs_one(
    scan: Any, slide: Path, bundle: Bundle, write_model: Callable[..., Bundle]
) -> None:
    unknown = write_model(input=bundle.info.input.model_copy(update={"mpp": None}))
    with pytest.raises(BundleError, match="--model-mpp"):
        scan(slide, bundle=unknown)
    assert scan(slide, bundle=unknown, model_mpp=1.0)[0].record.tiles.planned == 8 * 6
    with pytest.raises(BundleError, match=r"made for 0\.972 µm/px, not 0\.5"):
        scan(slide, model_mpp=0.5)


def test_no_tissue_is_a_result(scan: Any, tmp_path: Path) -> None:
    path = tmp_path / "blank.tif"
    slide_files.write_tiff(path, [np.full((210, 333, 3), 244, np.uint8)], compression="deflate", photometric="rgb")
    (outcome,) = scan(path, tissue={})
    record = outcome.record
    assert (record.status, record.slide_score, record.lesions) == ("finished", None, ())
    assert record.not_assessed == "no tissue was found, so nothing was scanned"
    assert record.notes == (f"not assessed: {record.not_assessed}", "no tile has enough tissue")
    assert "\nblank,not assessed," in (scan.out / "scans.csv").read_text(encoding="utf-8")
    assert {file.name for file in (scan.out / "blank").iterdir()} == FILES
    assert np.isnan(open_scan(scan.out / "blank").heatmap().values).all()
    with openslide.OpenSlide(scan.out / "blank" / "heatmap.tif") as file:
        assert not np.asarray(file.read_region((0, 0), 0, file.dimensions))[..., 3].any()


def _rows(folder: Path) -> list[tuple[int, int, float]]:
    tiles = read_scanned_tiles(folder)
    return [(int(x), int(y), float(s)) for x, y, s in zip(tiles.x0, tiles.y0, tiles.scores[:, 1], strict=True)]
