"""A finished scan read again: a second look at what is suspicious, and a learned rule that says what it is."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError, SentinodeError, StorageError
from sentinode.core.files import atomic_file, write_json
from sentinode.core.result_folder import locked
from sentinode.metrics.stages import size_class
from sentinode.models.bundle import Bundle, open_bundle, read_arrays, shipped_bundles
from sentinode.models.engines.engine import Engine
from sentinode.scanning.heatmap import Heatmap, read_heatmap
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.learned_rule import LearnedRule, Looks, shipped_rule
from sentinode.scanning.lesion_file import write_lesions
from sentinode.scanning.lesions import OutlinedLesion, find_lesions
from sentinode.scanning.overlay import write_overlay
from sentinode.scanning.scan_config import Machine, ScanConfig
from sentinode.scanning.scan_record import RECORD_FILE, Lesion, ReadingFacts, ScanRecord, read_record
from sentinode.scanning.second_look import FineMap, Look, look_again
from sentinode.scanning.suspects import Suspect, find_suspects
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import read_batches

LOOK_FILE = "second-look.npz"
HEURISTIC, AUTO = "heuristic", "auto"
STRONG = {"pcam": "pcam-strong"}
"""Shipped bundles that scan fast → those that look again at what they find."""

_OVERVIEW_UM = 8.0
_BATCH = 64


@dataclass(frozen=True)
class SecondLooker:
    """What looks again, and at which class."""

    engine: LazyEngine
    config: ScanConfig
    machine: Machine

    def look_at(self, folder: Path, slide_file: Path) -> FineMap:
        """The second look at a finished scan; taken once and kept in its folder.

        Raises:
            SentinodeError: The slide can't be read any more, or the folder holds no finished scan.
        """
        record, heatmap = read_record(folder), read_heatmap(folder)
        mark = f"{record.key} {self.engine.sha256} {self.engine.name}"
        kept = folder / LOOK_FILE
        if kept.is_file():
            arrays = read_arrays(kept)
            if str(arrays.get("mark")) == mark:
                return FineMap(arrays["near"], arrays["wide"], int(arrays["parts"]))
        spec = self.config.tile_spec(self.engine.bundle.info)
        with open_slide(
            slide_file, reader=self.config.reader, mpp=self.config.slide_mpp, cache_bytes=self.machine.cache_bytes
        ) as slide:
            fine = look_again(heatmap, spec.size_px * spec.mpp / heatmap.mpp.x, self._look(slide))
        with atomic_file(kept) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, mark=np.array(mark), parts=np.array(fine.parts), near=fine.near, wide=fine.wide)
        return fine

    def _look(self, slide: Slide) -> Look:
        info = self.engine.bundle.info
        spec = self.config.tile_spec(info)
        column = info.classes.names.index(self.config.target_of(info))

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


@dataclass(frozen=True)
class SecondReading:
    """A rule, and what takes the second look that it judges."""

    rule: LearnedRule
    looker: SecondLooker

    @property
    def facts(self) -> ReadingFacts:
        """For a scan's record."""
        looks = self.rule.looks
        return ReadingFacts(
            rule=self.rule.origin,
            rule_sha256=self.rule.sha256,
            threshold=self.rule.model.threshold,
            second_look=looks.second,
            second_look_sha256=looks.second_sha256,
        )

    def put(self, folder: Path, slide_file: Path) -> ScanRecord:
        """Put this reading's lesions in place of what is in the finished scan `folder`; returns the new record.

        A scan that has them already is not touched. A slide that can't be read any more keeps what it has, with a note.

        Raises:
            StorageError: The disk is full or the folder can't be written.
        """
        with locked(folder.parent / f".{folder.name}.lock", wait=True):
            record = read_record(folder)
            if record.reading == self.facts or record.slide_score is None or record.slide is None:
                return record
            start = time.perf_counter()
            try:
                fine = self.looker.look_at(folder, slide_file)
                suspects = find_suspects(read_heatmap(folder), fine, record.slide.width, record.slide.height)
                return self._write(folder, slide_file, record, suspects, time.perf_counter() - start)
            except StorageError:
                raise
            except SentinodeError as error:
                note = f"no second look was taken, lesions are by the heuristic rule: {error}"
                return _rewritten(folder, record.model_copy(update={"notes": (*record.notes, note)}))

    def _write(
        self, folder: Path, slide_file: Path, record: ScanRecord, suspects: list[Suspect], seconds: float
    ) -> ScanRecord:
        model = self.rule.model
        features = np.array([each.features for each in suspects]).reshape(len(suspects), -1)
        probabilities = model.probabilities(features) if suspects else np.empty(0)
        order = np.argsort(-probabilities, kind="stable")
        outlined = [
            OutlinedLesion(_lesion(suspects[place], float(probabilities[place]), rank), suspects[place].outline)
            for rank, place in enumerate(order, start=1)
        ]
        called = int((probabilities >= model.threshold).sum())
        changed = record.model_copy(
            update={
                "reading": self.facts,
                "slide_score": model.slide_probability(probabilities),
                "slide_score_method": "probability of a metastasis, from those of the suspects by the learned rule",
                "lesions": tuple(each.lesion for each in outlined[:called]),
                "suspicious": tuple(each.lesion for each in outlined[called:]),
                "timings_s": {**record.timings_s, "second look": round(seconds, 3)},
            }
        )
        _draw(folder, slide_file, changed, outlined, called)
        return _rewritten(folder, changed)


def choose_reading(
    rule: str, second_look: str, bundle: Bundle, config: ScanConfig, machine: Machine
) -> SecondReading | None:
    """The second reading that a scan gets; None: lesions are by the heuristic rule.

    Args:
        rule: `heuristic`; `auto`: the shipped rule where it was fitted on just these looks and the heuristic rule's
            options are as they were; or a file of `sentinode lesion-rule fit`.
        second_look: A bundle; `auto`: the stronger one of `STRONG` that is shipped beside the first, else the first.
        bundle: That scans.
        config: Of the scan.
        machine: What to look with.

    Raises:
        SentinodeError: A file or bundle can't be read, or the rule was fitted on other looks.
    """
    if rule == HEURISTIC:
        return None
    usual = ScanConfig()
    if rule == AUTO and (config.threshold, config.alone, config.test_time) != (usual.threshold, usual.alone, None):
        return None
    found = shipped_rule() if rule == AUTO else LearnedRule.load(Path(rule))
    if found is None or (rule == AUTO and found.looks.first != bundle.info.name):
        return None
    looker = second_looker(second_look, bundle, config, machine)
    looks = looks_of(bundle, looker, config)
    if not found.looks.fit(looks):
        if rule == AUTO:
            return None
        raise DataError(
            f"{rule} judges scores of {found.looks.first} ({found.looks.first_sha256[:8]}) and "
            f"{found.looks.second} ({found.looks.second_sha256[:8]}), cells of {found.looks.cell_um:.4g} µm, not of "
            f"{looks.first} ({looks.first_sha256[:8]}) and {looks.second} ({looks.second_sha256[:8]}), cells of "
            f"{looks.cell_um:.4g} µm; fit one on such scans with `sentinode lesion-rule fit`"
        )
    return SecondReading(found, looker)


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
    own = config.model_copy(update={"test_time": None})
    own.tile_spec(chosen.info)
    own.target_of(chosen.info)
    return SecondLooker(LazyEngine(chosen, own, machine.threads), own, machine)


def looks_of(bundle: Bundle, looker: SecondLooker, config: ScanConfig) -> Looks:
    """Whose scores a rule for these bundles judges."""
    first = LazyEngine(bundle, config, looker.machine.threads)
    spec = config.tile_spec(bundle.info)
    return Looks(
        first=bundle.info.name,
        first_sha256=first.sha256,
        second=looker.engine.bundle.info.name,
        second_sha256=looker.engine.sha256,
        target=config.target_of(bundle.info),
        cell_um=spec.step_px * spec.mpp,
    )


def heuristic_again(folder: Path, slide_file: Path, bundle: Bundle, config: ScanConfig) -> ScanRecord:
    """Put the heuristic rule's lesions back into a scan that a learned rule had read; returns the new record."""
    with locked(folder.parent / f".{folder.name}.lock", wait=True):
        record = read_record(folder)
        if record.reading is None or record.slide is None:
            return record
        heatmap = read_heatmap(folder)
        lesions = find_lesions(heatmap, config.lesion_rule(bundle.info), record.slide.width, record.slide.height)
        changed = record.model_copy(
            update={
                "reading": None,
                "suspicious": (),
                "lesions": tuple(each.lesion for each in lesions),
                "slide_score": float(np.nanmax(heatmap.values)),
                "slide_score_method": ScanRecord.model_fields["slide_score_method"].default,
            }
        )
        _draw(folder, slide_file, changed, lesions, len(lesions))
        return _rewritten(folder, changed)


def _lesion(suspect: Suspect, probability: float, rank: int) -> Lesion:
    centre = suspect.outline.centroid
    return Lesion(
        rank=rank,
        size_class=size_class(suspect.diameter_um),
        score_max=suspect.score_max,
        score_mean=suspect.score_mean,
        area_mm2=suspect.area_mm2,
        diameter_um=suspect.diameter_um,
        cells=suspect.cells,
        centroid_x=centre.x,
        centroid_y=centre.y,
        probability=probability,
    )


def _draw(folder: Path, slide_file: Path, record: ScanRecord, outlined: list[OutlinedLesion], called: int) -> None:
    assert record.slide is not None
    assert record.bundle is not None
    heatmap: Heatmap = read_heatmap(folder)
    write_lesions(folder, record.name, outlined, called)
    with open_slide(slide_file, mpp=record.slide.mpp_x) as slide:
        overview = slide.thumbnail(mpp=max(_OVERVIEW_UM, slide.mpp.x, slide.mpp.y))
    lesions = outlined[:called]
    longest = max((each.lesion.diameter_um for each in lesions), default=0.0)
    said = f"{len(lesions)} lesions, the longest {longest / 1000:.2g} mm" if lesions else "no lesion"
    write_overlay(
        folder, overview, record.slide.width, record.slide.height, heatmap, lesions,
        title=f"{' '.join(record.name.split())} · score {record.slide_score:.3f} · {said}",
        target=record.bundle.target, threshold=record.bundle.threshold,
    )  # fmt: skip


def _rewritten(folder: Path, record: ScanRecord) -> ScanRecord:
    write_json(folder / RECORD_FILE, record.model_dump(mode="json"))
    return record
