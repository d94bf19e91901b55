"""One slide: opened, its tissue found, its tiles scored, and the scan folder written."""

import errno
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError, SentinodeError, SlideNotFoundError, SlideReadError, StorageError
from sentinode.core.files import atomic_folder, sha256_of_json, write_json
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.result_folder import ResultKind, locked, remove_partial
from sentinode.models.engines.engine import Engine
from sentinode.scanning.file_ends import sha256_of_ends
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.outcome import Outcome, SlideFailedError
from sentinode.scanning.overview import survey_slide
from sentinode.scanning.progress_file import ProgressFile
from sentinode.scanning.scan_config import Machine, ScanPlan
from sentinode.scanning.scan_folder import read_record
from sentinode.scanning.scan_output import Scanned, write_results
from sentinode.scanning.scan_record import RECORD_FILE, FailedScan, Failure, FinishedScan, SlideFacts, Stage
from sentinode.scanning.slide_novelty import slide_novelty
from sentinode.scanning.tiles_file import ScannedTiles, read_scanned_tiles
from sentinode.slides.reader import READING
from sentinode.slides.reader_agreement import verify_readers
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import read_batches
from sentinode.slides.tile_plan import TilePlan, plan_tiles

_KEPT_MESSAGES = 5
_LONGEST_NAME = 255 - len("..0123456789ab.partial")
"""Bytes: file systems take 255, and a scan is written under a longer name first."""
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
        job = _Job(engine, path, folder, machine, progress or Progress(), engine.plan)
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
    if len(os.fsencode(folder.name)) > _LONGEST_NAME:
        raise StorageError(f"the name {folder.name} is longer than {_LONGEST_NAME} bytes; rename the slide")
    _SCAN_FOLDER.check(folder)


@dataclass
class _Job:
    """One slide's scan while it runs: what is asked, and the seconds of each stage."""

    engine: LazyEngine
    path: Path
    folder: Path
    machine: Machine
    progress: Progress
    plan: ScanPlan
    file: dict[str, Any] = field(default_factory=dict)
    """The slide's file: `bytes`, `changed_ns` and the hash of its `ends`."""
    key: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, earlier: FinishedScan | None) -> Outcome:
        """Scan, or do only what the finished scan in the folder lacks.

        Raises:
            SlideFailedError: What is wrong with this slide.
        """
        self._identify()
        kept = self.folder.parent / f".{self.folder.name}.progress"
        config, machine = self.plan.config, self.machine
        if machine.verify_tiles:  # before a scan is taken for finished: whoever asks doubts what was read
            with self.stage("opening"):
                verify_readers(self.path, machine.verify_tiles, series=config.series)
        same = earlier is not None and earlier.key == self.key
        if earlier is not None and same and earlier.lesion_rule == self.plan.rule:
            kept.unlink(missing_ok=True)  # killed between its last two steps
            return Outcome(earlier, reused=True)
        with self.stage("opening"):
            slide = open_slide(
                self.path, reader=config.reader, mpp=config.slide_mpp, cache_bytes=machine.cache_bytes,
                series=config.series,
            )  # fmt: skip
        with slide:
            return Outcome(self.scan(slide, kept, earlier if same else None), reused=False)

    def scan(self, slide: Slide, kept: Path, earlier: FinishedScan | None) -> FinishedScan:
        """Find tissue, score tiles, write the folder.

        Args:
            slide: Open.
            kept: File of what is done so far.
            earlier: This very scan, where only what follows from its tiles' scores is to be done.
        """
        config = self.plan.config
        scanned = _known_tiles(self.folder) if earlier else None
        with self.stage("planning"):
            slide.level_for(self.plan.tiles.mpp)  # refuses a slide that is too coarse, before anything is computed
            survey = survey_slide(slide, config.tissue, self.plan.tissue_model, config.slide_mpp)
            region = config.region.box() if config.region else None
            mask = survey.mask if config.tissue else None
            plan = plan_tiles(slide.width, slide.height, slide.mpp, self.plan.tiles, mask, region)
        with ProgressFile(kept, self.key, len(plan), len(self.engine.bundle.info.classes.names), config.batch) as done:
            if scanned is not None:
                for start in range(done.done, len(plan), config.batch):
                    done.append(scanned.scores[start : start + config.batch])
            before = done.done
            runner = self.engine.get() if before < len(plan) else None  # not timed with the slide, and no fault of it
            with self.stage("reading"):
                if runner:
                    self.score(runner, slide, plan, done)
                messages = _first_unreadable(slide, plan, done.scores)
                if len(plan) and np.isnan(done.scores).any(axis=1).all():
                    kept.unlink()  # so that the same command tries again
                    raise SlideReadError(
                        f"none of its {plural(len(plan), 'tile')} can be read; the first: {messages[0]}"
                    )
                novelty = earlier.novelty if earlier else None
                if novelty is None:
                    novelty = slide_novelty(slide, plan, done.scores, self.engine, self.machine.threads)
            now, took = len(plan) - before, self.seconds["reading"]
        with self.stage("writing"):
            rate = now / took if now and took else None
            everything = Scanned(
                self.engine, slide, self._facts(slide), self.key, survey, plan, done.scores, messages, novelty,
                rate, self.seconds,
            )  # fmt: skip
            with atomic_folder(self.folder) as temporary:
                record = write_results(temporary, everything)
        kept.unlink(missing_ok=True)
        return record

    def score(self, runner: Engine, slide: Slide, plan: TilePlan, done: ProgressFile) -> None:
        """Score what is not done yet; a tile that can't be read gets NaN."""
        start = done.done
        batches = read_batches(
            slide, plan.spec.mpp, plan.spec.size_px, plan.x0[start:], plan.y0[start:],
            batch=self.plan.config.batch, threads=self.machine.threads,
        )  # fmt: skip
        with closing(batches), self.progress.bar(slide.name, len(plan), "tiles", done=start) as advance:  # type: ignore[type-var]
            for part in batches:
                scores: NDArray[np.float32] = runner.predict(part.tiles).probabilities
                for index in part.unreadable:
                    scores[index - part.start] = np.nan  # an index in what was asked for, as `part.start` is
                done.append(scores)
                advance(len(scores))

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time a stage; what goes wrong in it is this slide's failure, unless no other slide could do better."""
        start = time.perf_counter()
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            raise SlideFailedError(name, error) from error
        finally:
            self.seconds[name] = round(time.perf_counter() - start, 3)

    def _identify(self) -> None:
        """Find the key: the hash of everything that decides a scan's result."""
        try:
            if not self.path.is_file():  # opening a pipe would wait for ever
                raise FileNotFoundError(errno.ENOENT, "no file, or a link that leads nowhere")
            stat = self.path.stat()
            ends = sha256_of_ends(self.path)
            self.file = {"bytes": stat.st_size, "changed_ns": stat.st_mtime_ns, "ends": ends}
        except OSError as error:
            cause = SlideNotFoundError(f"{self.path} can't be read: {error.strerror}; check the file")
            raise SlideFailedError("opening", cause) from error
        engine = self.engine
        self.key = sha256_of_json(
            {
                "reading": READING,
                "slide": self.file,
                "bundle": engine.sha256,
                "engine": engine.name,
                "config": self.plan.config_sha256,
            }
        )

    def _facts(self, slide: Slide) -> SlideFacts:
        return SlideFacts(
            name=slide.name,
            file=slide.path.name,
            sha256_of_ends=self.file["ends"],
            bytes=self.file["bytes"],
            width=slide.width,
            height=slide.height,
            origin_x=slide.extent.origin_x,
            origin_y=slide.extent.origin_y,
            mpp_x=slide.mpp.x,
            mpp_y=slide.mpp.y,
            mpp_source=slide.mpp_source,
            reader=slide.facts.reader,
        )


def _first_unreadable(slide: Slide, plan: TilePlan, scores: NDArray[np.float32]) -> list[str]:
    """What is wrong with the first unreadable tiles: read once more, as a killed process can't have told."""
    messages = []
    for index in np.flatnonzero(np.isnan(scores).any(axis=1))[:_KEPT_MESSAGES]:
        x0, y0, size = int(plan.x0[index]), int(plan.y0[index]), plan.spec.size_px
        try:
            slide.read_at(plan.spec.mpp, x0, y0, size, size)
        except SlideReadError as error:
            messages.append(str(error))
        else:
            messages.append(f"the tile at level-0 ({x0}, {y0}) has no score, though it can be read now")
    return messages


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
    cause = error.cause
    message = " ".join(str(cause).split())
    if not isinstance(cause, SentinodeError):  # nobody foresaw it: say where it happened
        last = traceback.extract_tb(cause.__traceback__)[-1]
        message = f"{message} ({Path(last.filename).name}, line {last.lineno})"
    return FailedScan(
        name=path.stem,
        config=plan.config.model_dump(mode="json"),
        config_sha256=plan.config_sha256,
        failure=Failure(stage=error.stage, type=type(cause).__name__, message=message),
    )
