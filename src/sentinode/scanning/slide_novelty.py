"""Whether a slide is like what the bundle was trained on, by a sample of its tiles."""

from pathlib import Path

import numpy as np

from sentinode.core.errors import SentinodeError
from sentinode.core.files import write_json
from sentinode.models.novelty import TrainingRange
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.scan_config import Machine, ScanConfig
from sentinode.scanning.scan_record import RECORD_FILE, NoveltyFacts, ScanRecord, read_record
from sentinode.scanning.tiles_file import read_scanned_tiles
from sentinode.slides.slide import open_slide
from sentinode.slides.tile_batches import read_batches

SAMPLE = 64
"""Tiles that are looked at, evenly over the slide: a share of a half is known to within 12 points by them."""
MOST_OUTSIDE = 0.5
"""A slide of which more tiles lie outside in one respect is outside itself: of training tiles 1 in 100 does."""


def put_novelty(folder: Path, slide_file: Path, engine: LazyEngine, config: ScanConfig, machine: Machine) -> ScanRecord:
    """Say in the finished scan `folder` how far the slide lies outside of the bundle's training; returns its record.

    Nothing is said where the bundle knows too little, no tile has a score, or the slide can't be read any more.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    record, known = read_record(folder), TrainingRange.of(engine.bundle.reference())
    if known is None or record.slide_score is None:
        return record
    try:
        shares, count = _shares(folder, slide_file, engine, known, config, machine)
    except SentinodeError:
        return record  # the scan stands; that the slide can't be read again is no fault of it
    far = [name for name, share in shares.items() if share > MOST_OUTSIDE]
    notes = list(record.notes)
    if far:
        most = "; ".join(f"{shares[name]:.0%} of {count} tiles in {name}" for name in far)
        notes.append(
            f"the slide lies outside of what {engine.bundle.info.name} was trained on ({most}): doubt the result"
        )
    facts = NoveltyFacts(outside=bool(far), tiles=count, shares=shares)
    changed = record.model_copy(update={"novelty": facts, "notes": tuple(notes)})
    write_json(folder / RECORD_FILE, changed.model_dump(mode="json"))
    return changed


def _shares(
    folder: Path, slide_file: Path, engine: LazyEngine, known: TrainingRange, config: ScanConfig, machine: Machine
) -> tuple[dict[str, float], int]:
    """Part of the sampled tiles that lies outside, by respect, and how many there are."""
    tiles = read_scanned_tiles(folder)
    readable = np.flatnonzero(np.isfinite(tiles.scores).all(axis=1))
    chosen = readable[np.unique(np.linspace(0, len(readable) - 1, min(SAMPLE, len(readable))).round().astype(int))]
    outside: list[tuple[str, ...]] = []
    with open_slide(slide_file, reader=config.reader, mpp=config.slide_mpp, cache_bytes=machine.cache_bytes) as slide:
        for part in read_batches(
            slide, tiles.spec.mpp, tiles.spec.size_px, tiles.x0[chosen], tiles.y0[chosen],
            batch=SAMPLE, threads=machine.threads,
        ):  # fmt: skip
            outside += known.outside(list(part.tiles), engine.get().predict(part.tiles).embedding)
    names = ["stain", "embedding", *(["sharpness", "compression"] if known.quality_limits is not None else [])]
    return {name: round(float(np.mean([name in each for each in outside])), 3) for name in names}, len(outside)
