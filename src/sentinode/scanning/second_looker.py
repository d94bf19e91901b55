"""What takes the second look: a bundle, on a slide that was scanned."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import BundleError
from sentinode.core.files import atomic_file
from sentinode.core.progress import SILENT, Advance, Progress
from sentinode.models.bundle import open_bundle, read_arrays
from sentinode.models.engines.engine import Engine
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.learned_rule import Looks
from sentinode.scanning.scan_folder import ScanFolder
from sentinode.scanning.scan_record import StainFacts
from sentinode.scanning.second_look import FineMap, Look, look_again
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import read_batches

LOOK_FILE = "second-look.npz"
AUTO = "auto"
TURNS = 2
"""Orientations in which each tile is scored. Neighbours, a quarter of a tile apart, are turned differently, so that
every place is seen in all eight; scoring each tile in all eight took eight times as long and found no more."""

_ORIENTATIONS = 8
_BATCH = 64


@dataclass(frozen=True)
class SecondLooker:
    """What looks again, and at which class."""

    engine: LazyEngine
    """With its own plan: tiles and class of the second bundle."""
    machine: Machine
    progress: Progress = SILENT

    def look_at(self, scan: ScanFolder, slide_file: Path) -> FineMap:
        """The second look at a finished scan; taken once and kept in its folder.

        Raises:
            SentinodeError: The slide or the scan's tiles can't be read any more.
        """
        mark = f"{scan.record.key} {self.engine.sha256} {self.engine.name} {TURNS}"
        kept = scan.path / LOOK_FILE
        if kept.is_file():
            arrays = read_arrays(kept)
            if str(arrays.get("mark")) == mark:
                return FineMap(arrays["near"], arrays["wide"], int(arrays["parts"]))
        spec, config, heatmap = self.engine.plan.tiles, self.engine.plan.config, scan.heatmap()
        with (
            open_slide(
                slide_file,
                reader=config.reader,
                mpp=config.slide_mpp,
                cache_bytes=self.machine.cache_bytes,
                series=config.series,
            ) as slide,
            self.progress.bar("second look", None, "tiles") as advance,
        ):  # how many follows from what is found
            look = self._look(slide, scan.record.stain, advance)
            fine = look_again(heatmap, spec.size_px * spec.mpp / heatmap.mpp.x, look)
        with atomic_file(kept) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, mark=np.array(mark), parts=np.array(fine.parts), near=fine.near, wide=fine.wide)
        return fine

    def _look(self, slide: Slide, stain: StainFacts | None, advance: Advance) -> Look:
        spec = self.engine.plan.tiles
        column = self.engine.bundle.info.classes.names.index(self.engine.plan.target)

        def look(x: NDArray[np.float64], y: NDArray[np.float64], wider: float) -> NDArray[np.float32]:
            mpp = spec.mpp * wider
            half = spec.size_px * mpp / 2
            x0 = np.rint(x - half / slide.mpp.x).astype(np.int64)
            y0 = np.rint(y - half / slide.mpp.y).astype(np.int64)
            scores = np.empty(len(x), np.float32)
            for part in read_batches(slide, mpp, spec.size_px, x0, y0, batch=_BATCH, threads=self.machine.threads):
                found = turned_scores(self.engine.get(stain), part.tiles, part.start)[:, column]
                scores[part.start : part.start + len(found)] = found
                scores[list(part.unreadable)] = np.nan
                advance(len(found))
            return scores

        return look


def turned_scores(engine: Engine, tiles: NDArray[np.uint8], first: int) -> NDArray[np.float32]:
    """(N, classes) mean probabilities over `TURNS` orientations of each tile, which differ from one to the next.

    Args:
        engine: Of a bundle that may average over all eight itself; then every tile goes in as it is.
        tiles: (N, side, side, 3) cell by cell, each cell's row by row.
        first: Number of the first of them: what batch a tile falls into must not turn it.
    """
    models = [member.model for member in engine.info.members] or [engine.info.model]
    if all(model.test_time == "d4" for model in models):
        return engine.predict(tiles).probabilities
    # Of 4 × 4 tiles every two rows have all eight; half a circle further is another turn, mirrored.
    numbers = 5 * (first + np.arange(len(tiles)))
    found = [
        engine.predict(_turned(tiles, (numbers + turn * _ORIENTATIONS // TURNS) % _ORIENTATIONS)).probabilities
        for turn in range(TURNS)
    ]
    return np.asarray(np.mean(found, axis=0), np.float32)


def _turned(tiles: NDArray[np.uint8], orientations: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Each tile by so many quarters of a circle, from 4 on mirrored, too."""
    turned = np.empty_like(tiles)
    for orientation in range(_ORIENTATIONS):
        own = orientations == orientation
        side = tiles[own, :, ::-1] if orientation >= 4 else tiles[own]
        turned[own] = np.rot90(side, orientation % 4, axes=(1, 2))
    return turned


def second_looker(name: str, engine: LazyEngine, machine: Machine, progress: Progress = SILENT) -> SecondLooker:
    """What takes the second look; see `choose_reading`.

    Raises:
        SentinodeError: There is no such bundle, or it can't look at tiles.
    """
    config = engine.plan.config
    chosen = engine.bundle if name == AUTO else open_bundle(name)
    chosen.info.refuse_context("a second look is at tiles of other sizes and turns, which it has not learned from")
    first, second = (info.input.stain and info.input.stain.method for info in (engine.bundle.info, chosen.info))
    if second not in (None, first):
        raise BundleError(
            f"bundle {chosen.name} normalises stain ({second}), and the scan by {engine.bundle.name} tells no slide's "
            "stain by that method; look again with one that leaves stain as it is"
        )
    if name == AUTO and config.test_time is None:
        return SecondLooker(engine, machine, progress)
    own = config.model_copy(update={"test_time": None, "region": None})
    return SecondLooker(LazyEngine(chosen, own.resolved(chosen.info), machine.threads), machine, progress)


def looks_of(engine: LazyEngine, looker: SecondLooker) -> Looks:
    """Whose scores a rule for these bundles judges; `engine`: of the scans."""
    plan = engine.plan
    return Looks(
        first=engine.bundle.info.name,
        first_sha256=engine.sha256,
        second=looker.engine.bundle.info.name,
        second_sha256=looker.engine.sha256,
        target=plan.target,
        cell_um=plan.tiles.step_px * plan.tiles.mpp,
    )
