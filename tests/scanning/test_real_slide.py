"""The real slide, scanned with the shipped bundle by both readers."""

import shutil
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from helpers.scanner import engine_of
from sentinode.models.bundle import open_bundle
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_queue import scan_slides
from sentinode.scanning.scan_record import FinishedScan
from sentinode.scanning.tiles_file import read_scanned_tiles
from sentinode.scanning.tiling_config import Machine

READERS = ("tiff", "openslide")


@pytest.fixture(scope="module")
def scanned(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, FinishedScan]]:
    """Scan folder and record by reader."""
    slide, out = shared_data / "slides" / "CMU-1-Small-Region.svs", tmp_path_factory.mktemp("scans")
    found = {}
    for reader in READERS:
        (outcome,) = scan_slides(
            engine_of(open_bundle("pcam"), ScanConfig(reader=reader)), [slide], out / reader, Machine(threads=1)
        )  # type: ignore[arg-type]
        found[reader] = (out / reader / slide.stem, outcome.record)
    return found


def test_both_readers_agree_on_all_of_it(scanned: dict[str, tuple[Path, FinishedScan]]) -> None:
    (ours, mine), (theirs, other) = (scanned[reader] for reader in READERS)
    assert mine.tiles == other.tiles
    assert mine.tiles is not None
    assert mine.tiles.planned > 90
    assert mine.tiles.coverage == 1
    assert mine.tissue == other.tissue
    np.testing.assert_array_equal(*(np.asarray(Image.open(folder / "tissue.png")) for folder in (ours, theirs)))
    first, second = read_scanned_tiles(ours), read_scanned_tiles(theirs)
    np.testing.assert_array_equal(first.x0, second.x0)
    np.testing.assert_array_equal(first.y0, second.y0)
    np.testing.assert_allclose(first.scores, second.scores, atol=1e-5)
    assert [lesion.size_class for lesion in mine.lesions] == [lesion.size_class for lesion in other.lesions]
    assert mine.slide_score == pytest.approx(other.slide_score, abs=1e-5)


def test_its_heatmap_is_a_pyramid_that_viewers_open(
    scanned: dict[str, tuple[Path, FinishedScan]], tmp_path: Path
) -> None:
    folder, record = scanned["tiff"]
    path = shutil.copy(folder / "heatmap.tif", tmp_path)
    with tifffile.TiffFile(path) as file:
        base, *reduced = file.pages
        columns, rows = -(-record.slide.width * 0.499 // (96 * 0.972)), -(-record.slide.height * 0.499 // (96 * 0.972))
        assert base.shape == (rows, columns, 4)
        for number, page in enumerate(file.pages):
            assert (page.tilewidth % 16, page.tilelength % 16) == (0, 0)  # TIFF 6.0, TileWidth
            assert (page.compression.name, page.photometric.name) == ("ADOBE_DEFLATE", "RGB")
            assert [sample.name for sample in page.extrasamples] == ["UNASSALPHA"]
            assert page.tags["ResolutionUnit"].value == 3  # centimetre
            over, under = page.tags["XResolution"].value
            assert 10_000 * under / over == pytest.approx(96 * 0.972 * 2**number, rel=1e-3)
            assert bool(page.subfiletype & 1) == (number > 0)  # a reduced image, as OpenSlide and Bio-Formats tell
        assert [page.shape[0] for page in reduced] == [base.shape[0] >> n for n in range(1, len(reduced) + 1)]
    with openslide.OpenSlide(path) as opened:
        assert opened.level_count == 1 + len(reduced)
        assert float(opened.properties["openslide.mpp-x"]) == pytest.approx(96 * 0.972, rel=1e-3)
        alpha = np.asarray(opened.read_region((0, 0), 0, opened.dimensions))[..., 3]
        assert (alpha == 255).sum() == record.tiles.planned


def test_it_says_that_it_is_no_lymph_node(scanned: dict[str, tuple[Path, FinishedScan]]) -> None:
    _, record = scanned["tiff"]
    assert record.novelty is not None
    assert record.novelty.outside
    assert record.novelty.shares["stain"] > 0.5
    assert any(note.startswith("unlike what pcam was trained on") for note in record.notes)
