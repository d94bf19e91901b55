"""A slide composed of real patches: a tile that lies on a cell is scored as the patch that the cell shows."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.scanner import engine_of
from sentinode.models.bundle import open_bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_queue import scan_slides
from sentinode.scanning.tiles_file import read_scanned_tiles
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.composition import SCALE, Patches, compose_slides

_SIDE_PX = 96


def test_cells_are_scored_as_their_patches(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "pcam-real" / "valid"
    paths = [path for label in "01" for path in sorted((folder / label).iterdir())[::4]]
    tumour = np.array([path.parent.name == "1" for path in paths])
    pixels = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    patches = Patches([path.name for path in paths], tumour, pixels.__getitem__)
    _, slide = compose_slides(patches, tmp_path / "slides", slides=2, columns=30, rows=22, mpp=0.972, seed=1)
    bundle = open_bundle("pcam")
    scan_slides(
        engine_of(bundle, ScanConfig(), threads=2),
        [tmp_path / "slides" / f"{slide.name}.tif"],
        tmp_path / "scans",
        Machine(threads=2),
    )

    tiles = read_scanned_tiles(tmp_path / "scans" / slide.name)
    scanned = dict(zip(zip(tiles.x0.tolist(), tiles.y0.tolist(), strict=True), tiles.scores[:, 1], strict=True))
    step, by_name = SCALE * _SIDE_PX, dict(zip(patches.names, pixels, strict=True))
    with (tmp_path / "slides" / f"{slide.name}.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    on_cells = np.array([scanned.get((int(cell["column"]) * step, int(cell["row"]) * step), np.nan) for cell in cells])
    predicted = open_engine(bundle).predict(np.stack([by_name[cell["patch"]] for cell in cells])).probabilities[:, 1]
    seen = np.isfinite(on_cells)
    assert seen.sum() > 100
    assert seen.mean() > 0.9  # a patch of glass is left out as such
    assert predicted.std() > 0.1
    # What is left between them is the noise of the slide's JPEG.
    assert np.corrcoef(on_cells[seen], predicted[seen])[0, 1] >= 0.98
