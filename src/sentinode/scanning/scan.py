"""One slide: opened, its tissue found, its tiles scored, and the scan folder written."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentinode.core.errors import DataError, SlideReadError, StorageError
from sentinode.core.files import atomic_folder, write_json
from sentinode.core.progress import Progress
from sentinode.core.result_folder import ResultKind, locked, remove_partial
from sentinode.models.engines.engine import Engine
from sentinode.models.extractor import Embedded, space_of
from sentinode.scanning.feature_progress import FeatureProgress
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.outcome import Outcome, SlideFailedError
from sentinode.scanning.progress_file import ProgressFile
from sentinode.scanning.scan_config import ScanPlan
from sentinode.scanning.scan_folder import read_record
from sentinode.scanning.scan_output import Scanned, write_results
from sentinode.scanning.scan_record import RECORD_FILE, FailedScan, FinishedScan, SlideFacts
from sentinode.scanning.slide_model import Judgement, judge
from sentinode.scanning.slide_novelty import slide_novelty
from sentinode.scanning.slide_pass import SlidePass, failure_of, first_unreadable
from sentinode.scanning.slide_stain import slide_stain
from sentinode.scanning.tiles_file import ScannedTiles, read_scanned_tiles
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.slide import Slide
from sentinode.slides.tile_batches import TileBatch
from sentinode.slides.tile_plan import TilePlan

LONGEST_NAME = 255 - len("..0123456789ab.partial")
"""Bytes: file systems take 255, and a result is written under a longer name first."""
_SCAN_FOLDER = ResultKind("a scan", (RECORD_FILE,))


def scan_slide(
    engine: LazyEngine, path: Path, out: Path, machine: Machine, progress: Progress | None = None, *, wait: bool = False
) -> Outcome:
    """Scan a slide into the folder `out`/NAME. A slide that fails is a result, too: its record says why.

    While it runs, scores are kept in `out`/.NAME.progress: after a kill the same call goes on from there, and ends
    with the same bytes. A finished scan of the same slide, bundle and configuration is not run again, but where this
    version has another rule for lesions, they are looked for anew among its scores. One that differs is replaced when
    the new one is whole. At most (5 × batch) tiles, `machine.cache_bytes` of decoded file tiles and
    the overview are held, beside the engine, and (24 + 8 × classes) bytes for each tile of the slide.

    Args:
        engine: The bundle to run, and what it is to do.
        path: The slide.
        out: Folder of all scans.
        machine: What to do it with.
        progress: Where to tell how far it is.
        wait: Wait while another process scans this slide, instead of raising.

    Raises:
        BusyError: Another process scans this slide.
        StorageError: The disk is full or `out` can't be written; or `out`/NAME holds something else than a scan.
    """
    folder = out / path.stem
    check_place(folder)
    with locked(out / f".{path.stem}.lock", f"scans {path.name}", wait=wait):
        remove_partial(folder)  # of a scan that was killed while it wrote its results
        job = _Job(engine, SlidePass(path, engine.plan, machine, progress or Progress()), folder)
        earlier = _finished(folder)
        try:
            return job.run(earlier)
        except SlideFailedError as error:
            failed = _failed(error, path, engine.plan)
            if earlier is None:
                with atomic_folder(folder) as temporary:
                    write_json(temporary / RECORD_FILE, failed.model_dump(mode="json"))
            return Outcome(failed, reused=False)


def check_place(folder: Path) -> None:
    """Refuse a folder that holds something else than a scan, or whose name leaves no room for files beside it.

    Raises:
        StorageError: It does.
    """
    if len(os.fsencode(folder.name)) > LONGEST_NAME:
        raise StorageError(f"the name {folder.name} is longer than {LONGEST_NAME} bytes; rename the slide")
    _SCAN_FOLDER.check(folder)


@dataclass
class _Job:
    """One slide's scan while it runs."""

    engine: LazyEngine
    slide_pass: SlidePass
    folder: Path
    key: str = ""

    def run(self, earlier: FinishedScan | None) -> Outcome:
        """Scan, or do only what the finished scan in the folder lacks.

        Raises:
            SlideFailedError: What is wrong with this slide.
        """
        self.key = self.slide_pass.identify(**self.engine.identity)
        kept = self.folder.parent / f".{self.folder.name}.progress"
        self.slide_pass.verify()  # before a scan is taken for finished: whoever asks doubts what was read
        same = earlier is not None and earlier.key == self.key
        if earlier is not None and same and earlier.lesion_rule == self.engine.plan.rule:
            kept.unlink(missing_ok=True)  # killed between its last two steps
            return Outcome(earlier, reused=True)
        with self.slide_pass.open() as slide:
            return Outcome(self.scan(slide, kept, earlier if same else None), reused=False)

    def scan(self, slide: Slide, kept: Path, earlier: FinishedScan | None) -> FinishedScan:
        """Find tissue, score tiles, write the folder.

        Args:
            slide: Open.
            kept: File of what is done so far.
            earlier: This very scan, where only what follows from its tiles' scores is to be done.
        """
        batch, one = self.engine.plan.config.batch, self.slide_pass
        # A slide model judges the features of all tiles, of which a table of scores has none.
        scanned = _known_tiles(self.folder) if earlier and not self.engine.slide_model else None
        survey, plan = one.find_tiles(slide)
        with self.progress_file(kept, len(plan)) as done:
            if scanned is not None and isinstance(done, ProgressFile):
                for start in range(done.done, len(plan), batch):
                    done.append(scanned.scores[start : start + batch])
            before = done.done
            if before < len(plan):
                self.engine.get()  # opened here: not timed with the slide, and no fault of it
            with one.stage("reading"):
                stain = slide_stain(slide, plan, self.engine.bundle.info.input.stain, one.machine.threads)
                if before < len(plan):
                    self.score(self.engine.get(stain), slide, plan, done)
                messages = self.unreadable(slide, plan, done, kept)
                novelty = earlier.novelty if earlier else None
                if novelty is None:
                    novelty = slide_novelty(slide, plan, done.scores, self.engine, one.machine.threads, stain)
            now, took = len(plan) - before, one.seconds["reading"]
            with one.stage("writing"):
                rate = now / took if now and took else None
                everything = Scanned(
                    self.engine, slide, one.facts(slide), self.key, survey, plan, done.scores, messages, novelty,
                    stain, rate, one.seconds, self.judgement(one.facts(slide), plan, done),
                )  # fmt: skip
                with atomic_folder(self.folder) as temporary:
                    record = write_results(temporary, everything)
        kept.unlink(missing_ok=True)
        return record

    def progress_file(self, kept: Path, tiles: int) -> ProgressFile | FeatureProgress:
        """What is done so far; with the features, where a slide model is to judge them."""
        info, batch = self.engine.bundle.info, self.engine.plan.config.batch
        classes = len(info.classes.names)
        if self.engine.slide_model:
            size = info.embedding_size
            return FeatureProgress(kept, self.key, tiles=tiles, size=size, classes=classes, batch=batch)
        return ProgressFile(kept, self.key, tiles, classes, batch)

    def judgement(self, slide: SlideFacts, plan: TilePlan, done: ProgressFile | FeatureProgress) -> Judgement | None:
        """What the slide model says, where there is one and any tissue."""
        model, bundle = self.engine.slide_model, self.engine.bundle
        if model is None or not isinstance(done, FeatureProgress) or not len(plan):
            return None
        bag = done.bag(self.key, space_of(bundle), bundle.info.classes.names, slide, plan)
        return judge(model, bag, plan, done.read, self.engine.plan.target)

    def score(self, runner: Engine, slide: Slide, plan: TilePlan, done: ProgressFile | FeatureProgress) -> None:
        """Score what is not done yet; a tile that can't be read gets NaN."""

        def keep(part: TileBatch, unreadable: list[int]) -> None:
            found = runner.predict(part.tiles)
            if isinstance(done, FeatureProgress):
                done.append(Embedded(found.embedding, found.probabilities), unreadable)
                return
            found.probabilities[unreadable] = np.nan
            done.append(found.probabilities)

        self.slide_pass.read_tiles(slide, plan, done.done, keep)

    def unreadable(self, slide: Slide, plan: TilePlan, done: ProgressFile | FeatureProgress, kept: Path) -> list[str]:
        """What is wrong with the first unreadable tiles; see `first_unreadable`."""
        try:
            unreadable = np.asarray(np.isnan(done.scores).any(axis=1))
            return first_unreadable(slide, plan, unreadable)
        except SlideReadError:
            kept.unlink()  # so that the same command tries again
            raise


def _finished(folder: Path) -> FinishedScan | None:
    """The record of a finished scan in `folder`; None where there is none, or a damaged one."""
    try:
        record = read_record(folder)
    except DataError:
        return None
    return record if record.status == "finished" else None


def _known_tiles(folder: Path) -> ScannedTiles | None:
    """The tiles of a finished scan; None where the table is gone or damaged."""
    try:
        return read_scanned_tiles(folder)
    except DataError:
        return None


def _failed(error: SlideFailedError, path: Path, plan: ScanPlan) -> FailedScan:
    return FailedScan(
        name=path.stem,
        config=plan.config.model_dump(mode="json"),
        config_sha256=plan.config_sha256,
        failure=failure_of(error),
    )
