"""What takes the second look: a bundle, in all eight orientations, on a slide that was scanned."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import atomic_file
from sentinode.models.bundle import Bundle, open_bundle, read_arrays, shipped_bundles
from sentinode.models.engines.engine import Engine
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.learned_rule import Looks
from sentinode.scanning.scan_config import Machine, ScanConfig, ScanPlan
from sentinode.scanning.scan_folder import ScanFolder
from sentinode.scanning.second_look import FineMap, Look, look_again
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import read_batches

LOOK_FILE = "second-look.npz"
AUTO = "auto"
STRONG = {"pcam": "pcam-strong"}
"""Shipped bundles that scan fast → those that look again at what they find."""

_BATCH = 64


@dataclass(frozen=True)
class SecondLooker:
    """What looks again, and at which class."""

    engine: LazyEngine
    """With its own plan: tiles and class of the second bundle."""
    machine: Machine

    def look_at(self, scan: ScanFolder, slide_file: Path) -> FineMap:
        """The second look at a finished scan; taken once and kept in its folder.

        Raises:
            SentinodeError: The slide or the scan's tiles can't be read any more.
        """
        mark = f"{scan.record.key} {self.engine.sha256} {self.engine.name}"
        kept = scan.path / LOOK_FILE
        if kept.is_file():
            arrays = read_arrays(kept)
            if str(arrays.get("mark")) == mark:
                return FineMap(arrays["near"], arrays["wide"], int(arrays["parts"]))
        spec, config, heatmap = self.engine.plan.tiles, self.engine.plan.config, scan.heatmap()
        with open_slide(
            slide_file,
            reader=config.reader,
            mpp=config.slide_mpp,
            cache_bytes=self.machine.cache_bytes,
            series=config.series,
        ) as slide:
            fine = look_again(heatmap, spec.size_px * spec.mpp / heatmap.mpp.x, self._look(slide))
        with atomic_file(kept) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, mark=np.array(mark), parts=np.array(fine.parts), near=fine.near, wide=fine.wide)
        return fine

    def _look(self, slide: Slide) -> Look:
        spec = self.engine.plan.tiles
        column = self.engine.bundle.info.classes.names.index(self.engine.plan.target)

        def look(x: NDArray[np.float64], y: NDArray[np.float64], wider: float) -> NDArray[np.float32]:
            mpp = spec.mpp * wider
            half = spec.size_px * mpp / 2
            x0 = np.rint(x - half / slide.mpp.x).astype(np.int64)
            y0 = np.rint(y - half / slide.mpp.y).astype(np.int64)
            scores = np.empty(len(x), np.float32)
            for part in read_batches(slide, mpp, spec.size_px, x0, y0, batch=_BATCH, threads=self.machine.threads):
                found = oriented(self.engine.get(), part.tiles)[:, column]
                scores[part.start : part.start + len(found)] = found
                scores[list(part.unreadable)] = np.nan
            return scores

        return look


def oriented(engine: Engine, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, classes) mean probabilities over the eight orientations, for a bundle that does not average them itself."""
    models = [member.model for member in engine.info.members] or [engine.info.model]
    if all(model.test_time == "d4" for model in models):
        return engine.predict(tiles).probabilities
    turned = [
        np.ascontiguousarray(np.rot90(side, quarter, axes=(1, 2)))
        for side in (tiles, tiles[:, :, ::-1])
        for quarter in range(4)
    ]
    return np.asarray(np.mean([engine.predict(each).probabilities for each in turned], axis=0))


def second_looker(name: str, bundle: Bundle, config: ScanConfig, machine: Machine) -> SecondLooker:
    """What takes the second look; see `choose_reading`.

    Raises:
        SentinodeError: There is no such bundle, or it can't look at tiles.
    """
    if name == AUTO:
        strong = STRONG.get(str(bundle.name), "")
        chosen = open_bundle(strong) if strong in shipped_bundles() else bundle
    else:
        chosen = open_bundle(name)
    own = config.model_copy(update={"test_time": None, "region": None})
    return SecondLooker(LazyEngine(chosen, own.resolved(chosen.info), machine.threads), machine)


def looks_of(bundle: Bundle, looker: SecondLooker, plan: ScanPlan) -> Looks:
    """Whose scores a rule for these bundles judges; `plan`: of the scans."""
    first = LazyEngine(bundle, plan, looker.machine.threads)
    return Looks(
        first=bundle.info.name,
        first_sha256=first.sha256,
        second=looker.engine.bundle.info.name,
        second_sha256=looker.engine.sha256,
        target=plan.target,
        cell_um=plan.tiles.step_px * plan.tiles.mpp,
    )
