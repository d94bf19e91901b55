"""Many slides: one after the other, and none of them stops the rest."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sentinode.core.csv_output import write_csv
from sentinode.core.errors import DataError
from sentinode.core.progress import Progress
from sentinode.core.result_folder import locked, remove_partial
from sentinode.metrics.stages import NOT_ASSESSED
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.outcome import Outcome
from sentinode.scanning.scan import check_place, scan_slide
from sentinode.scanning.scan_folder import ScanFolder, read_record, scan_folders
from sentinode.scanning.scan_record import FailedScan, FinishedScan
from sentinode.scanning.second_reading import SecondReading, heuristic_again
from sentinode.scanning.slide_queue import in_turn
from sentinode.scanning.slide_score import SlideScore
from sentinode.scanning.tiles_file import check_classes
from sentinode.scanning.tiling_config import Machine

TABLE_FILE = "scans.csv"

_COLUMNS = (
    "slide", "status", "slide_score", "lesions", "longest_um", "size_class", "tissue_mm2", "tiles", "unreadable",
    "coverage", "message",
)  # fmt: skip


def scan_slides(
    engine: LazyEngine,
    paths: Sequence[Path],
    out: Path,
    machine: Machine,
    progress: Progress | None = None,
    tell: Callable[[Outcome], None] | None = None,
    slide_score: SlideScore | None = None,
    reading: SecondReading | None = None,
) -> list[Outcome]:
    """Scan slides into folders of `out`, and sum all scans there up in `scans.csv`.

    A slide that another process is scanning is left for the end; then its end is awaited, and should that process have
    been killed, the scan goes on here.

    Args:
        engine: The model, and what it is to do.
        paths: Slide files, each of another name (see `slides.listing.list_slides`).
        out: Made where it is missing.
        machine: What to do it with.
        progress: Where to tell how far it is.
        tell: Called with each slide's outcome as it is known.
        reading: Second look and learned rule, of `choose_reading`; None: lesions are by the heuristic rule.
        slide_score: Put in place of the heatmap's highest cell, in scans that were finished before, too.

    Returns:
        An outcome for each slide, in their order.

    Raises:
        DataError: The tissue model can't be read, or the slide score was fitted on other scans.
        StorageError: The disk is full, or `out` holds something else. What was finished is kept.
    """
    bundle, plan = engine.bundle, engine.plan
    check_classes(bundle.info.classes.names)
    for path in paths:
        check_place(out / path.stem)
    if slide_score and engine.slide_model:
        raise DataError(f"{engine.slide_model.bundle.name} has a slide score of its own; leave out --slide-score")
    if slide_score:
        slide_score.check(bundle.info.name, engine.sha256, plan.target, plan.tiles.step_px * plan.tiles.mpp)

    def work_on(path: Path, wait: bool) -> Outcome:
        outcome = scan_slide(engine, path, out, machine, progress, wait=wait)
        outcome = read_further(outcome, engine, path, out, reading)
        record = outcome.record
        if slide_score and record.status == "finished":
            outcome = replace(outcome, record=slide_score.put(ScanFolder(out / path.stem, record)))
        if tell:
            tell(outcome)
        return outcome

    outcomes = in_turn(paths, work_on)
    write_table(out)
    return outcomes


def read_further(outcome: Outcome, engine: LazyEngine, path: Path, out: Path, reading: SecondReading | None) -> Outcome:
    """The second reading of a finished scan, or the heuristic rule's again where another one had read it.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    record = outcome.record
    if record.status != "finished":
        return outcome
    if reading:
        return replace(outcome, record=reading.put(out / path.stem, path))
    if record.reading:
        return replace(outcome, record=heuristic_again(out / path.stem, path, engine.plan))
    return outcome


def write_table(out: Path) -> None:
    """Write `scans.csv`: a line for each scan in `out`, by name, with its largest lesion.

    One process at a time: of two that end together the later one sees what both have done.
    """
    with locked(out / f".{TABLE_FILE}.lock", wait=True):
        remove_partial(out / TABLE_FILE)
        write_csv(out / TABLE_FILE, _COLUMNS, map(_line, scan_folders(out)))


def _line(folder: Path) -> list[object]:
    try:
        return _row(read_record(folder))
    except DataError as error:
        return [folder.name, "damaged", *[""] * (len(_COLUMNS) - 3), str(error)]


def _row(record: FinishedScan | FailedScan) -> list[object]:
    if record.status == "failed":
        return [record.name, record.status, *[""] * (len(_COLUMNS) - 3), record.failure.message]
    largest = record.longest_lesion
    return [
        record.name,
        NOT_ASSESSED if record.not_assessed else record.status,
        "" if record.slide_score is None else f"{record.slide_score:.6f}",
        len(record.lesions),
        f"{largest.diameter_um:.1f}" if largest else "",
        largest.size_class if largest else "",
        f"{record.tissue.tissue_mm2:.3f}",
        record.tiles.planned,
        record.tiles.unreadable,
        f"{record.tiles.coverage:.4f}",
        "; ".join(record.notes),
    ]
