"""One slide: opened, its tissue found, its tiles scored, and the scan folder written."""

import errno
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError, SentinodeError, SlideNotFoundError, SlideReadError, StorageError
from sentinode.core.files import atomic_folder, sha256_of_file, sha256_of_json, write_json
from sentinode.core.progress import Progress
from sentinode.core.result_folder import ResultKind, locked, remove_partial
from sentinode.models.engines.engine import Engine
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.outcome import Outcome, SlideFailedError
from sentinode.scanning.overview import survey_slide
from sentinode.scanning.progress_file import ProgressFile
from sentinode.scanning.scan_config import Machine, ScanConfig
from sentinode.scanning.scan_output import Scanned, write_results
from sentinode.scanning.scan_record import RECORD_FILE, Failure, ScanRecord, SlideFacts, Stage, read_record
from sentinode.scanning.tiles_file import ScannedTiles, read_scanned_tiles
from sentinode.slides.reader_agreement import verify_readers
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import read_batches
from sentinode.slides.tile_plan import TilePlan, plan_tiles
from sentinode.slides.tissue.tissue_model import TissueModel

_END_BYTES = 1 << 20
_KEPT_MESSAGES = 5
_LONGEST_NAME = 255 - len("..0123456789ab.partial")
_SCAN_FOLDER = ResultKind("a scan", (RECORD_FILE,))
"""Bytes: file systems take 255, and a scan is written under a longer name first."""


@dataclass
class _Clock:
    """Seconds by stage, and which one an error belongs to."""

    seconds: dict[str, float] = field(default_factory=dict)

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


def scan_slide(
    engine: LazyEngine,
    path: Path,
    out: Path,
    config: ScanConfig,
    machine: Machine,
    progress: Progress | None = None,
    *,
    wait: bool = False,
) -> Outcome:
    """Scan a slide into the folder `out`/NAME. A slide that fails is a result, too: its record says why.

    While it runs, scores are kept in `out`/.NAME.progress: after a kill the same call goes on from there, and ends
    with the same bytes. A finished scan of the same slide, bundle and configuration is not run again, but where this
    version has another rule for lesions, they are looked for anew among its scores. One that differs is replaced when
    the new one is whole. At most (5 × batch) tiles, `machine.cache_bytes` of decoded file tiles and
    the overview are held, beside the engine, and (24 + 8 × classes) bytes for each tile of the slide.

    Args:
        engine: The bundle to run.
        path: The slide.
        out: Folder of all scans.
        config: What to do.
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
        clock = _Clock()
        try:
            key = _key(engine, path, config)
            if machine.verify_tiles:  # before a scan is taken for finished: whoever asks doubts what was read
                with clock.stage("opening"):
                    verify_readers(path, machine.verify_tiles)
            known = _finished(folder)
            same = known is not None and known.key == key
            if known is not None and same and known.lesion_rule == config.lesion_rule(engine.bundle.info):
                _kept(folder).unlink(missing_ok=True)  # killed between its last two steps
                return Outcome(known, reused=True)
            with clock.stage("opening"):
                slide = open_slide(path, reader=config.reader, mpp=config.slide_mpp, cache_bytes=machine.cache_bytes)
            with slide:
                scanned = _known_tiles(folder) if same else None
                record = _scan(engine, slide, folder, key, config, machine, progress or Progress(), clock, scanned)
                return Outcome(record, reused=False)
        except SlideFailedError as error:
            record = _failed(error, path, config)
            if _finished(folder) is None:
                with atomic_folder(folder) as temporary:
                    write_json(temporary / RECORD_FILE, record.model_dump(mode="json"))
            return Outcome(record, reused=False)


def check_place(folder: Path) -> None:
    """Refuse a folder that holds something else than a scan, or whose name leaves no room for files beside it.

    Raises:
        StorageError: It does.
    """
    if len(os.fsencode(folder.name)) > _LONGEST_NAME:
        raise StorageError(f"the name {folder.name} is longer than {_LONGEST_NAME} bytes; rename the slide")
    _SCAN_FOLDER.check(folder)


def _scan(
    engine: LazyEngine,
    slide: Slide,
    folder: Path,
    key: str,
    config: ScanConfig,
    machine: Machine,
    progress: Progress,
    clock: _Clock,
    scanned: ScannedTiles | None,
) -> ScanRecord:
    """`scanned`: the tiles of this very scan, where only what follows from their scores is to be done."""
    info = engine.bundle.info
    with clock.stage("planning"):
        spec = config.tile_spec(info)
        slide.level_for(spec.mpp)  # refuses a slide that is too coarse, before anything is computed
        facts = _facts(slide)  # now: at the end the file may be gone
        model = TissueModel.load(config.tissue_model) if config.tissue_model and config.tissue else None
        found = survey_slide(slide, config.tissue, model, config.slide_mpp)
        region = config.region.box() if config.region else None
        mask = found.mask if config.tissue else None
        plan = plan_tiles(slide.width, slide.height, slide.mpp, spec, mask, region)
    kept = _kept(folder)
    with ProgressFile(kept, key, len(plan), len(info.classes.names), config.batch) as done:
        if scanned is not None:
            for start in range(done.done, len(plan), config.batch):
                done.append(scanned.scores[start : start + config.batch])
        before = done.done
        runner = engine.get() if before < len(plan) else None  # not timed with the slide, and no fault of it
        with clock.stage("reading"):
            if runner:
                _score(runner, slide, plan, done, config.batch, machine, progress)
            messages = _first_unreadable(slide, plan, done.scores)
            if len(plan) and np.isnan(done.scores).any(axis=1).all():
                kept.unlink()  # so that the same command tries again
                raise SlideReadError(f"none of its {len(plan):,} tiles can be read; the first: {messages[0]}")
        now = len(plan) - before
    rate = now / clock.seconds["reading"] if now and clock.seconds["reading"] else None
    with clock.stage("writing"):
        everything = Scanned(
            slide=slide, facts=facts, info=info, bundle_sha256=engine.sha256, engine=engine.name,
            config=config, config_sha256=_config_sha256(config), key=key, survey=found, plan=plan,
            scores=done.scores, messages=messages, tiles_per_s=rate, seconds=clock.seconds,
        )  # fmt: skip
        with atomic_folder(folder) as temporary:
            record = write_results(temporary, everything)
    kept.unlink(missing_ok=True)
    return record


def _score(
    runner: Engine,
    slide: Slide,
    plan: TilePlan,
    done: ProgressFile,
    batch: int,
    machine: Machine,
    progress: Progress,
) -> None:
    """Score what is not done yet; a tile that can't be read gets NaN."""
    start = done.done
    batches = read_batches(
        slide, plan.spec.mpp, plan.spec.size_px, plan.x0[start:], plan.y0[start:],
        batch=batch, threads=machine.threads,
    )  # fmt: skip
    with closing(batches), progress.bar(slide.name, len(plan), "tiles", done=start) as advance:  # type: ignore[type-var]
        for part in batches:
            scores: NDArray[np.float32] = runner.predict(part.tiles).probabilities
            for index in part.unreadable:
                scores[index - part.start] = np.nan  # an index in what was asked for, as `part.start` is
            done.append(scores)
            advance(len(scores))


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


def _kept(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.progress"


def _key(engine: LazyEngine, path: Path, config: ScanConfig) -> str:
    """The hash of everything that decides a scan's result."""
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise FileNotFoundError(errno.ENOENT, "no file, or a link that leads nowhere")
        stat = path.stat()
        slide = {"bytes": stat.st_size, "changed_ns": stat.st_mtime_ns, "ends": _sha256_of_ends(path)}
    except OSError as error:
        cause = SlideNotFoundError(f"{path} can't be read: {error.strerror}; check the file")
        raise SlideFailedError("opening", cause) from error
    return sha256_of_json(
        {"slide": slide, "bundle": engine.sha256, "engine": engine.name, "config": _config_sha256(config)}
    )


def _config_sha256(config: ScanConfig) -> str:
    facts = config.model_dump(mode="json", exclude={"engine", "tissue_model"})
    if config.tissue_model:
        facts["tissue_model"] = sha256_of_file(config.tissue_model)
    return sha256_of_json(facts)


def _sha256_of_ends(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        digest = sha256(file.read(_END_BYTES))
        file.seek(max(0, size - _END_BYTES))
        digest.update(file.read(_END_BYTES))
    digest.update(str(size).encode())
    return digest.hexdigest()


def _facts(slide: Slide) -> SlideFacts:
    return SlideFacts(
        name=slide.name,
        file=slide.path.name,
        sha256_of_ends=_sha256_of_ends(slide.path),
        bytes=slide.path.stat().st_size,
        width=slide.width,
        height=slide.height,
        mpp_x=slide.mpp.x,
        mpp_y=slide.mpp.y,
        mpp_source=slide.mpp_source,
        reader=slide.facts.reader,
    )


def _finished(folder: Path) -> ScanRecord | None:
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


def _failed(error: SlideFailedError, path: Path, config: ScanConfig) -> ScanRecord:
    cause = error.cause
    message = " ".join(str(cause).split())
    if not isinstance(cause, SentinodeError):  # nobody foresaw it: say where it happened
        last = traceback.extract_tb(cause.__traceback__)[-1]
        message = f"{message} ({Path(last.filename).name}, line {last.lineno})"
    return ScanRecord(
        status="failed",
        name=path.stem,
        key="",
        config=config.model_dump(mode="json"),
        config_sha256=_config_sha256(config),
        failure=Failure(stage=error.stage, type=type(cause).__name__, message=message),
    )
