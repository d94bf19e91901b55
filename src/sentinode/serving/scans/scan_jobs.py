"""Scans as jobs: one at a time, in the order they were asked for, through a worker process; none is lost by a restart.

A scan that runs when the server ends, however it ends, is queued again at the next start and goes on from its progress
file (see `scanning.scan`).
"""

import contextlib
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from sentinode.core.errors import BundleError, BusyError, DataError, SentinodeError
from sentinode.core.result_folder import locked
from sentinode.metrics.stages import NOT_ASSESSED, SLIDE_CLASS_OF
from sentinode.scanning.file_ends import sha256_of_ends
from sentinode.scanning.scan_config import ScanConfig, ScanPlan
from sentinode.scanning.scan_folder import open_scan, read_record, scan_folders
from sentinode.scanning.scan_record import FinishedScan
from sentinode.serving.logs import places_of
from sentinode.serving.predictions.model_in_service import ModelInService
from sentinode.serving.predictions.served_model import ServedModel
from sentinode.serving.problems import Problem, busy
from sentinode.serving.remedies import unfit_model
from sentinode.serving.scans.scanned_files import ScannedFiles
from sentinode.serving.serve_config import Limits
from sentinode.serving.slides.known_slide import KnownSlide, public
from sentinode.serving.slides.slide_library import Library
from sentinode.serving.workers.child_process import ChildProcess
from sentinode.store.scan_store import ACTIVE, Scans
from sentinode.store.tables import ScanRow, now

_LOG = logging.getLogger("sentinode.serving")
AGAIN = ".again"
"""Folder, in that of scans, of second scans of a slide: a finished scan, which may be reviewed, is never replaced."""
_LOST = (
    "the process of the scan ended unexpectedly, by damage in the file or for want of memory; ask for it again, it "
    "goes on from where it was"
)
_OVERDUE = (
    "got no further for {:.3g} min, and its scan was ended; copy it again, or save it as a pyramid in tiles; asked for "
    "again, the scan goes on from where it was"
)
_AFTER_A_FAULT_S = 5.0


class ScanJobs:
    """The queue of scans and the thread that works on it."""

    def __init__(
        self,
        folder: Path,
        in_service: ModelInService,
        scans: Scans,
        library: Library,
        threads: int,
        limits: Limits,
        niceness: int,
    ) -> None:
        """Args:
        folder: Of all scans.
        in_service: What scans: the model that is in service when a scan is asked for.
        scans: Where they are kept.
        library: The slides.
        threads: For a scan.
        limits: Of scans: how many may wait, how long one may get no further, and its memory.
        niceness: Of the process that scans.
        """
        self.folder = folder
        self.files = ScannedFiles(folder)
        self._in_service, self._scans, self._library = in_service, scans, library
        self._threads, self._limits = threads, limits
        self._process = ChildProcess("sentinode.serving.workers.scan_child", niceness, limits.scan_memory_bytes)
        self._progress: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._current: str | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take over what is in the folder of scans and what an earlier server left, and begin."""
        self._adopt()
        for row in self._scans.with_status("running"):
            self._scans.change(row.id, status="queued")
        self._thread = threading.Thread(target=self._work, name="scans", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Park the running scan: it is queued, and its process ends."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._process.end(for_good=True)
        if self._thread:
            self._thread.join()

    def submit(self, slide: KnownSlide, settings: dict[str, Any], user_name: str) -> tuple[ScanRow, bool]:
        """Queue a scan; one of the same slide, model and settings that is there already is returned instead.

        Returns:
            (the scan, whether it is new).

        Raises:
            Problem: 422 where the model can't scan so, 503 where too many wait.
        """
        model = self._in_service.current
        plan = self._plan(model, settings)
        with self._changed:
            for row in self._scans.of_slide(slide.id):
                same = row.settings == settings and row.model_version == model.version
                if same and row.status in (*ACTIVE, "finished") and self.files.same(row, slide):
                    return row, False
            if len(self._scans.with_status("queued")) >= self._limits.waiting_scans:
                raise busy(f"{self._limits.waiting_scans} scans wait already", 60)
            row = self._scans.add(
                slide_id=slide.id, slide_name=slide.name, folder=self._place(slide), status="queued",
                settings=settings, model_version=model.version, user_name=user_name,
                threshold=plan.threshold,
            )  # fmt: skip
            self._changed.notify_all()
        return row, True

    def cancel(self, row: ScanRow) -> None:
        """Cancel a scan that waits or runs. What it has done stays: the same scan asked for again goes on from there.

        Raises:
            Problem: 409 where it has ended.
        """
        with self._changed:
            if not self._scans.change(row.id, ACTIVE, status="cancelled", finished=now()):
                raise Problem(
                    409, f"the scan is {row.status} already; only one that is queued or running can be cancelled"
                )
            if self._current == row.id:
                self._process.end()

    def cancel_of(self, slide_id: str) -> int:
        """Cancel the scans of a slide that wait or run; returns how many those were."""
        ended = 0
        for row in self._scans.of_slide(slide_id):
            if row.status in ACTIVE:
                with contextlib.suppress(Problem):  # it has ended meanwhile
                    self.cancel(row)
                    ended += 1
        return ended

    def clear_away(self, slide_id: str) -> None:
        """Remove what scans of a deleted slide left to go on from; where a process still works on one, it stays."""
        for row in self._scans.of_slide(slide_id):
            folder, name = (self.folder / row.folder).parent, Path(row.folder).name
            with contextlib.suppress(BusyError), locked(folder / f".{name}.lock"):
                (folder / f".{name}.progress").unlink(missing_ok=True)

    def progress(self, scan_id: str) -> dict[str, Any] | None:
        """How far a running scan is: done, total, tiles_per_second, seconds_left."""
        return self._progress.get(scan_id)

    @property
    def worker_pid(self) -> int | None:
        """Number of the worker's process, if one runs."""
        return self._process.pid

    def _work(self) -> None:
        while (row := self._next()) is not None:
            try:
                self._run(row)
            except Exception as error:  # noqa: BLE001 - the next scan must not suffer
                _LOG.error("scan %s failed: %s", row.id, places_of(error))
                with self._looking_away():
                    self._fail(row, f"the scan failed ({type(error).__name__}); the server's log has more")

    def _next(self) -> ScanRow | None:
        """The scan whose turn it is, waiting for one; None: the server ends."""
        while not self._stopping:
            with self._looking_away(), self._changed:
                # Nothing runs now: one that is said to was left so when the database was away.
                active = self._scans.with_status(*ACTIVE)
                if active:
                    self._scans.change(active[0].id, status="running")
                    return active[0]
                if not self._stopping:
                    self._changed.wait()
        return None

    @contextmanager
    def _looking_away(self) -> Iterator[None]:
        """A database that is away for a moment must not end the thread, and with it all scans."""
        try:
            yield
        except SQLAlchemyError as error:
            _LOG.error("scans: %s", places_of(error))
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, _AFTER_A_FAULT_S)

    def _run(self, row: ScanRow) -> None:
        try:
            slide = self._library.get(row.slide_id or "")
            model = self._model_of(row)
            job = {
                "bundle": str(model.served.folder),
                "slide": str(slide.path),
                "out": str((self.folder / row.folder).parent),
                "config": self._plan(model, row.settings).config.model_dump(mode="json"),
                "threads": self._threads,
                "memory_bytes": self._limits.scan_memory_bytes,
            }
        except Problem as problem:
            gone = "the slide's file is gone; copy it back and ask for the scan again"
            self._fail(row, gone if problem.status == 404 else problem.detail)
            return
        result: dict[str, Any] = {}
        try:
            for result in self._begin(row, job):
                if "done" in result:
                    self._progress[row.id] = result
            self._ended(row, slide, result)
        finally:
            with self._changed:
                self._current = None
                self._progress.pop(row.id, None)

    def _begin(self, row: ScanRow, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Begin it, unless it was cancelled meanwhile. Whoever cancels holds the lock, and so ends this scan only."""
        with self._changed:
            known = self._scans.get(row.id)
            if known is None or known.status != "running":
                return iter(())
            self._current = row.id
            return self._process.begin(job, deadline_s=self._limits.scan_silence_s, renewed=True)

    def _ended(self, row: ScanRow, slide: KnownSlide, result: dict[str, Any]) -> None:
        """Keep what became of it; one that was cancelled meanwhile stays so."""
        if "finished" in result:
            self._finish(row.id, open_scan(self.folder / row.folder).record)
        elif "failed" in result:
            if "places" in result:
                _LOG.error("scan %s failed: %s", row.id, result["places"])
            self._fail(row, public(str(result["failed"]), slide).replace(f"{self.folder}/", ""))
        elif "overdue" in result:
            self._fail(row, f"{slide.path.name} {_OVERDUE.format(self._limits.scan_silence_s / 60)}")
        elif self._stopping:
            self._scans.change(row.id, ("running",), status="queued")
        else:
            self._fail(row, _LOST)

    def _finish(self, scan_id: str, record: FinishedScan) -> None:
        self._scans.change(scan_id, ("running",), status="finished", finished=now(), **_facts(record))

    def _fail(self, row: ScanRow, problem: str) -> None:
        self._scans.change(row.id, ("running",), status="failed", finished=now(), problem=problem)

    def _model_of(self, row: ScanRow) -> ServedModel:
        """The model that a scan was asked of; where that is gone, as after a start with another bundle, the one in
        service, which the scan then is by.
        """
        model = self._in_service.of_version(row.model_version)
        if model is None:
            model = self._in_service.current
            plan = self._plan(model, row.settings)
            self._scans.change(row.id, ("running",), model_version=model.version, threshold=plan.threshold)
        return model

    @staticmethod
    def _plan(model: ServedModel, settings: dict[str, Any]) -> ScanPlan:
        info, judge = model.info, model.slide_model
        own = judge.stride_px if judge else None
        try:
            config = ScanConfig(stride_px=settings.get("stride", own), test_time=settings.get("test_time"))
            plan = config.resolved(info)
        except SentinodeError as error:
            raise unfit_model(error) from error
        if judge and settings:
            try:
                judge.check(config)
            except BundleError as error:
                said = str(error).rpartition(";")[0]
                raise Problem(422, f"{said}; leave out {' and '.join(sorted(settings))}") from error
        if config.test_time not in (None, info.model.test_time) and (info.members or info.precision == "int8"):
            raise Problem(
                422, f"model {info.name} is an ensemble or INT8, whose averaging can't be switched; leave out test_time"
            )
        return plan

    def _place(self, slide: KnownSlide) -> str:
        """Where the scan goes: NAME, as `sentinode scan` has it, or beside where that holds something to keep."""
        taken = slide.name in self._scans.folders()
        there = self.folder / slide.name
        if not taken and there.exists():
            try:
                taken = read_record(there).status == "finished"
            except DataError:
                taken = True
        return f"{AGAIN}/{secrets.token_hex(8)}/{slide.name}" if taken else slide.name

    def _adopt(self) -> None:
        """Finished folders of `sentinode scan` become scans of this server."""
        known = self._scans.folders()
        for path in scan_folders(self.folder):
            if path.name in known:
                continue
            try:
                record = read_record(path)
            except DataError:
                continue
            if record.status == "finished":
                self._scans.add(
                    slide_id=self._slide_of(record), slide_name=record.name, folder=path.name,
                    status="finished", settings={"found": True}, model_version=_version(record),
                    user_name="", finished=now(), **_facts(record),
                )  # fmt: skip

    def _slide_of(self, record: FinishedScan) -> str | None:
        for slide in self._library.all():
            if slide.path.name == record.slide.file and sha256_of_ends(slide.path) == record.slide.sha256_of_ends:
                return slide.id
        return None


def _version(record: FinishedScan) -> str:
    model = record.slide_model or record.bundle
    return model.sha256[:12]


def _facts(record: FinishedScan) -> dict[str, Any]:
    model = record.slide_model
    return {
        "slide_model": model.model_dump(include={"name", "score", "threshold", "positive"}) if model else None,
        "slide_score": record.slide_score,
        "slide_class": _class_of(record),
        "problem": record.not_assessed or None,
        "lesions": len(record.lesions),
        "threshold": record.reading.threshold if record.reading else record.rule.outline,
    }


def _class_of(record: FinishedScan) -> str:
    if record.not_assessed:
        return NOT_ASSESSED
    largest = record.longest_lesion
    return SLIDE_CLASS_OF[largest.size_class] if largest else "negative"
