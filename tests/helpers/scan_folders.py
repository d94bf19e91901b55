"""Small scan folders as `sentinode scan` leaves them, written from a grid of scores without any model."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import write_json
from sentinode.scanning.heatmap import build_heatmap
from sentinode.scanning.lesions import find_lesions
from sentinode.scanning.scan_folder import read_record
from sentinode.scanning.scan_record import (
    RECORD_FILE,
    BundleFacts,
    FinishedScan,
    LesionRule,
    SlideFacts,
    TileCounts,
    TissueFacts,
)
from sentinode.scanning.slide_model_record import AttentionTile, SlideModelRecord
from sentinode.scanning.tiles_file import read_scanned_tiles, write_scanned_tiles
from sentinode.slides.mpp import Mpp
from sentinode.slides.tile_plan import TilePlan, TileSpec

MPP = 0.5
CELL_PX = 200
"""Level-0 pixels of a cell: 100 µm."""

PLAIN = LesionRule(outline=0.5, dense=0.5, peak=0.5, alone=0.5, smoothing_um=0)
"""Lesions as drawn: every cell from 0.5 on."""


def write_scan(
    folder: Path,
    scores: NDArray[np.floating],
    *,
    bundle: str = "pcam",
    width: int | None = None,
    height: int | None = None,
    cell_px: int = CELL_PX,
) -> None:
    """A finished scan of a slide at 0.5 µm/px whose cells have these scores (rows, columns)."""
    rows, columns = scores.shape
    width, height = width or columns * cell_px, height or rows * cell_px
    name, spec = folder.name, TileSpec(size_px=cell_px // 2, mpp=1.0)
    y0, x0 = (place.ravel() * cell_px for place in np.indices(scores.shape))
    flat = scores.ravel().astype(np.float32)
    plan = TilePlan(x0, y0, cell_px, cell_px, np.ones(len(flat), np.float32), spec)
    folder.mkdir(parents=True)
    write_scanned_tiles(folder, plan, ("normal", "tumour"), np.stack([1 - flat, flat], axis=1))
    heatmap = build_heatmap(width, height, Mpp(MPP, MPP), spec, x0, y0, flat)
    record = FinishedScan(
        name=name,
        key="k",
        config={},
        config_sha256="c",
        slide=SlideFacts(
            name=name, file=f"{name}.tif", sha256_of_ends="s", bytes=1, width=width, height=height,
            mpp_x=MPP, mpp_y=MPP, mpp_source="test", reader="tiff",
        ),
        bundle=BundleFacts(
            name=bundle, sha256=bundle, classes=("normal", "tumour"), target="tumour", threshold=0.5,
            threshold_source="test", engine="openvino", tile_size_px=100, mpp=1.0,
        ),
        tiles=TileCounts(planned=len(flat), scanned=len(flat), unreadable=0, coverage=1.0),
        tissue=TissueFacts(method="none", tissue_mm2=width * height * MPP**2 * 1e-6, excluded_mm2={}),
        slide_score=float(flat.max()),
        lesions=tuple(one.lesion for one in find_lesions(heatmap, PLAIN, width, height)),
    )  # fmt: skip
    write_json(folder / RECORD_FILE, record.model_dump(mode="json"))


def judge_scan(folder: Path, attention: NDArray[np.floating], *, score: float = 0.75) -> SlideModelRecord:
    """Make of a scan of `write_scan` one with a slide model, which gives its cells (rows, columns) this attention."""
    tiles, record = read_scanned_tiles(folder), read_record(folder)
    assert record.status == "finished"
    flat = attention.ravel().astype(np.float32)
    plan = TilePlan(tiles.x0, tiles.y0, tiles.width, tiles.height, np.ones(len(flat), np.float32), tiles.spec)
    write_scanned_tiles(folder, plan, tiles.classes, tiles.scores, flat)

    def tile(place: np.intp) -> AttentionTile:
        x, y = int(tiles.x0[place]), int(tiles.y0[place])
        return AttentionTile(rank=1, x=x, y=y, attention=float(flat[place]), score=float(tiles.scores[place, 1]))

    model = SlideModelRecord(
        name="judge",
        sha256="9" * 64,
        method="abmil",
        classes=("negative", "positive"),
        probabilities=(1 - score, score),
        score=score,
        threshold=0.5,
        threshold_source="test",
        positive=score >= 0.5,
        candidates=(tile(np.argmax(flat * tiles.scores[:, 1])),),
        attended=(tile(np.argmax(flat)),),
        tile_width=tiles.width,
        tile_height=tiles.height,
    )  # fmt: skip
    changed = record.model_copy(update={"slide_model": model, "slide_score": score})
    write_json(folder / RECORD_FILE, changed.model_dump(mode="json"))
    return model
