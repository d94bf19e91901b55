"""A scan with a bundle that normalises stain: estimated once a slide, recorded, and kept through kills and looks."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers import model_makers, slide_files
from helpers.scanner import Scanner, engine_of
from helpers.stained_patches import stained
from sentinode.core.errors import BundleError, SentinodeError
from sentinode.core.stain.normaliser import StainTarget
from sentinode.core.stain.stain_look import common_look
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.engines.stain_engine import StainEngine
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_folder import open_scan
from sentinode.scanning.second_looker import second_looker
from sentinode.scanning.tiles_file import read_scanned_tiles
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.slide import open_slide
from sentinode.studies.slide_feature_study import write_slide_features

_TARGET = StainTarget(
    "macenko",
    common_look(
        "macenko",
        [stained(n, (0.52, 0.74, 0.43), (0.12, 0.86, 0.50), amounts=(1.3, 0.7), side=30) for n in range(6)],
    ),
)


@pytest.fixture(scope="module")
def normalising(write_model: Callable[..., Bundle]) -> Bundle:
    """The small bundle, behind Macenko's normalisation."""
    _, info = model_makers.make_deployed("plain")
    return write_model(input=info.input.model_copy(update={"stain": _TARGET}))


def _slide(folder: Path, *, fat: bool = False) -> Path:
    """472 × 328 px of nuclei and stroma, or of what hardly has any stain."""
    path = folder / "slides" / "one.tif"
    path.parent.mkdir()
    pixels = np.full((328, 472, 3), 243, np.uint8)
    if not fat:
        pixels[:] = stained(5, side=480)[:328, :472]
    slide_files.write_tiff(path, slide_files.pyramid(pixels, 3), compression="deflate", photometric="rgb")
    return path


def test_the_slides_stain_is_found_once_and_recorded(normalising: Bundle, scan: Scanner, tmp_path: Path) -> None:
    slide = _slide(tmp_path)
    (outcome,) = scan(slide, bundle=normalising)
    record = outcome.record
    assert record.status == "finished"
    assert record.stain is not None
    assert (record.stain.method, record.stain.kept, record.stain.tiles) == ("macenko", "", 54)
    engine = open_engine(normalising, threads=1)
    assert isinstance(engine, StainEngine)
    tiles = read_scanned_tiles(scan.out / "one")
    with open_slide(slide) as opened:
        seen = [opened.read_at(0.972, int(x), int(y), 30, 30) for x, y in zip(tiles.x0, tiles.y0, strict=True)]
    expected = engine.of_slide(common_look("macenko", seen)).predict(np.stack(seen)).probabilities
    np.testing.assert_allclose(tiles.scores, expected, atol=1e-4)
    written = json.loads((scan.out / "one" / "scan.json").read_text())
    assert written["stain"]["look"]["haematoxylin"] == pytest.approx(record.stain.look.haematoxylin)  # type: ignore[union-attr]
    assert open_scan(scan.out / "one").record.stain == record.stain


def test_a_slide_without_stain_is_scored_as_it_is_and_says_so(
    normalising: Bundle, bundle: Bundle, scan: Scanner, tmp_path: Path
) -> None:
    slide = _slide(tmp_path, fat=True)
    (outcome,) = scan(slide, bundle=normalising)
    record = outcome.record
    assert record.status == "finished"
    assert record.stain is not None
    assert (record.stain.look, record.stain.kept) == (None, "too little tissue")
    said = "the stain was not normalised, as of 54 tiles most have too little tissue"
    assert any(said in note for note in record.notes)
    plain = Scanner(bundle, tmp_path / "plain")
    plain(slide)
    scores = [read_scanned_tiles(folder / "one").scores for folder in (scan.out, plain.out)]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)


def test_a_bundle_that_leaves_stain_alone_records_none(scan: Scanner, slide: Path) -> None:
    (outcome,) = scan(slide)
    assert outcome.record.status == "finished"
    assert outcome.record.stain is None


def test_a_second_look_by_another_method_is_refused(normalising: Bundle, bundle: Bundle) -> None:
    config = ScanConfig(model_mpp=None, tissue=None)
    first = engine_of(bundle, config)
    with pytest.raises(BundleError, match="normalises stain \\(macenko\\)"):
        second_looker(str(normalising.folder), first, Machine(threads=1))
    looker = second_looker(str(bundle.folder), engine_of(normalising, config), Machine(threads=1))
    assert looker.engine.bundle.info.input.stain is None


def test_features_of_its_slides_are_refused(normalising: Bundle, slide: Path, tmp_path: Path) -> None:
    with pytest.raises(SentinodeError, match="features of slides are of tiles as they are"):
        write_slide_features(str(normalising.folder), [slide], tmp_path / "features")
