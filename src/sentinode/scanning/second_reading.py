"""A finished scan read again: a second look at what is suspicious, and a learned rule that says what it is."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentinode.core.errors import DataError, SentinodeError, StorageError
from sentinode.core.files import write_json
from sentinode.core.messages import one_line, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.result_folder import locked
from sentinode.metrics.lesion_probability import FEATURES
from sentinode.metrics.stages import size_class
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.learned_rule import LearnedRule, shipped_rule
from sentinode.scanning.lesion_file import write_lesions
from sentinode.scanning.lesions import OutlinedLesion, find_lesions
from sentinode.scanning.overlay import write_overlay
from sentinode.scanning.scan_config import ScanConfig, ScanPlan
from sentinode.scanning.scan_folder import ScanFolder, open_scan
from sentinode.scanning.scan_record import HIGHEST_CELL, RECORD_FILE, FinishedScan, Lesion, ReadingFacts
from sentinode.scanning.second_looker import AUTO, SecondLooker, looks_of, second_looker
from sentinode.scanning.suspects import Suspect, find_suspects
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.slide import open_slide

HEURISTIC = "heuristic"

_OVERVIEW_UM = 8.0


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

    def put(self, folder: Path, slide_file: Path) -> FinishedScan:
        """Put this reading's lesions in place of what is in the finished scan `folder`; returns the new record.

        A scan that has them already is not touched. A slide that can't be read any more keeps what it has, with a note.

        Raises:
            StorageError: The disk is full or the folder can't be written.
        """
        with locked(folder.parent / f".{folder.name}.lock", wait=True):
            scan = open_scan(folder)
            record = scan.record
            if record.reading == self.facts or record.slide_score is None:
                return record
            start = time.perf_counter()
            try:
                fine = self.looker.look_at(scan, slide_file)
                suspects = find_suspects(scan.heatmap(), fine, record.slide.width, record.slide.height)
                return self._write(scan, slide_file, suspects, time.perf_counter() - start)
            except StorageError:
                raise
            except SentinodeError as error:
                note = f"no second look was taken, lesions are by the heuristic rule: {one_line(error)}"
                kept = [each for each in record.notes if each != note]
                return _rewritten(folder, record.model_copy(update={"notes": (*kept, note)}))

    def _write(self, scan: ScanFolder, slide_file: Path, suspects: list[Suspect], seconds: float) -> FinishedScan:
        model, record = self.rule.model, scan.record
        features = np.array([each.features for each in suspects]).reshape(len(suspects), len(FEATURES))
        probabilities = model.probabilities(features)
        order = np.argsort(-probabilities, kind="stable")
        outlined = [
            OutlinedLesion(_lesion(suspects[place], float(probabilities[place]), rank), suspects[place].outline)
            for rank, place in enumerate(order, start=1)
        ]
        called = int((probabilities >= model.threshold).sum())
        score = {
            "slide_score": model.slide_probability(probabilities),
            "slide_score_method": "probability of a metastasis, from those of the suspects by the learned rule",
        }
        changed = record.model_copy(
            update={
                "reading": self.facts,
                **({} if record.slide_model else score),
                "lesions": tuple(each.lesion for each in outlined[:called]),
                "suspicious": tuple(each.lesion for each in outlined[called:]),
                "timings_s": {**record.timings_s, "second look": round(seconds, 3)},
            }
        )
        _draw(ScanFolder(scan.path, changed), slide_file, self.looker.engine.plan.config, outlined, called)
        return _rewritten(scan.path, changed)


def choose_reading(
    rule: str | Path, second_look: str, engine: LazyEngine, machine: Machine, progress: Progress = SILENT
) -> SecondReading | None:
    """The second reading that a scan gets; None: lesions are by the heuristic rule.

    Args:
        rule: `heuristic`; `auto`: the shipped rule where it was fitted on just these looks and the heuristic rule's
            options are as they were; or a file of `sentinode lesion-rule fit`.
        second_look: A bundle; `auto`: the one that scans.
        engine: That scans.
        machine: What to look with.
        progress: Where to tell that the second look goes on.

    Raises:
        SentinodeError: A file or bundle can't be read, the rule was fitted on other looks, or a bundle is named to look
            again and no learned rule would ask it.
    """
    reading = _reading(rule, second_look, engine, machine, progress)
    if reading is None and second_look != AUTO:
        name = engine.bundle.info.name
        why = (
            "the heuristic rule takes none"
            if rule == HEURISTIC
            else f"no learned rule is shipped for this scan by {name}"
        )
        raise DataError(
            f"--second-look {second_look} would not be used: {why}; leave it out, or name the rule with --rule FILE"
        )
    return reading


def _reading(
    rule: str | Path, second_look: str, engine: LazyEngine, machine: Machine, progress: Progress
) -> SecondReading | None:
    if rule == HEURISTIC:
        return None
    usual, config = ScanConfig(), engine.plan.config
    if rule == AUTO and (config.threshold, config.alone, config.test_time) != (usual.threshold, usual.alone, None):
        return None
    found = shipped_rule() if rule == AUTO else LearnedRule.load(Path(rule))
    if found is None or (rule == AUTO and found.looks.first != engine.bundle.info.name):
        return None
    if rule == AUTO and second_look == AUTO and engine.bundle.info.input.context:  # of the rule's name by chance
        return None
    looker = second_looker(second_look, engine, machine, progress)
    looks = looks_of(engine, looker)
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


def heuristic_again(folder: Path, slide_file: Path, plan: ScanPlan) -> FinishedScan:
    """Put the heuristic rule's lesions back into a scan that a learned rule had read; returns the new record."""
    with locked(folder.parent / f".{folder.name}.lock", wait=True):
        scan = open_scan(folder)
        record = scan.record
        if record.reading is None:
            return record
        heatmap = scan.heatmap()
        lesions = find_lesions(heatmap, plan.rule, record.slide.width, record.slide.height)
        highest = {"slide_score": float(np.nanmax(heatmap.values)), "slide_score_method": HIGHEST_CELL}
        changed = record.model_copy(
            update={
                "reading": None,
                "suspicious": (),
                "lesions": tuple(each.lesion for each in lesions),
                **({} if record.slide_model else highest),
            }
        )
        _draw(ScanFolder(folder, changed), slide_file, plan.config, lesions, len(lesions))
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


def _draw(scan: ScanFolder, slide_file: Path, config: ScanConfig, outlined: list[OutlinedLesion], called: int) -> None:
    """Write `lesions.geojson` and the overlay anew; `called` of what is outlined, from the first on, are lesions."""
    record = scan.record
    with open_slide(slide_file, reader=config.reader, mpp=config.slide_mpp, series=config.series) as slide:
        overview = slide.thumbnail(mpp=max(_OVERVIEW_UM, slide.mpp.x, slide.mpp.y))
    write_lesions(scan.path, record.name, outlined, called)
    lesions = outlined[:called]
    longest = max((each.lesion.diameter_um for each in lesions), default=0.0)
    said = f"{plural(called, 'lesion')}, the longest {longest / 1000:.2g} mm" if lesions else "no lesion"
    write_overlay(
        scan.path, overview, record.slide.width, record.slide.height, scan.heatmap(), lesions,
        title=f"{' '.join(record.name.split())} · score {record.slide_score:.3f} · {said}",
        target=record.bundle.target, threshold=record.bundle.threshold,
    )  # fmt: skip


def _rewritten(folder: Path, record: FinishedScan) -> FinishedScan:
    write_json(folder / RECORD_FILE, record.model_dump(mode="json"))
    return record
