"""The features of many slides: one after the other, and none of them stops the rest."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sentinode.core.csv_output import write_csv
from sentinode.core.errors import DataError
from sentinode.core.json_file import read_json
from sentinode.core.progress import Progress
from sentinode.core.result_folder import locked, remove_partial
from sentinode.models.mil.bag_file import BAG_SUFFIX, read_bag_header
from sentinode.scanning.slide_features import (
    FAILED_SUFFIX,
    FailedFeatures,
    FeatureOutcome,
    FeatureWork,
    bag_of,
    check_bag_place,
    slide_features,
)
from sentinode.scanning.slide_queue import in_turn
from sentinode.scanning.tiling_config import Machine

TABLE_FILE = "features.csv"

_COLUMNS = ("slide", "status", "tiles", "unreadable", "features", "network", "mpp", "message")


def features_of_slides(
    work: FeatureWork,
    paths: Sequence[Path],
    out: Path,
    machine: Machine,
    progress: Progress | None = None,
    tell: Callable[[FeatureOutcome], None] | None = None,
) -> list[FeatureOutcome]:
    """The features of slides, a bag in `out` for each; all bags there are summed up in `features.csv`.

    A slide that another process works on is left for the end; then its end is awaited.

    Args:
        work: The network, and which tiles it is shown.
        paths: Slide files, each of another name (see `slides.slide_list.list_slides`).
        out: Made where it is missing.
        machine: What to do it with.
        progress: Where to tell how far it is.
        tell: Called with each slide's outcome as it is known.

    Returns:
        An outcome for each slide, in their order.

    Raises:
        SentinodeError: The network can't be run.
        StorageError: The disk is full, or `out` holds something else. What was finished is kept.
    """
    for path in paths:
        check_bag_place(bag_of(out, path))

    def work_on(path: Path, wait: bool) -> FeatureOutcome:
        outcome = slide_features(work, path, out, machine, progress, wait=wait)
        if tell:
            tell(outcome)
        return outcome

    outcomes = in_turn(paths, work_on)
    write_table(out)
    return outcomes


def write_table(out: Path) -> None:
    """Write `features.csv`: a line for each bag in `out` and each slide that failed, by name.

    One process at a time: of two that end together the later one sees what both have done.
    """
    with locked(out / f".{TABLE_FILE}.lock", wait=True):
        remove_partial(out / TABLE_FILE)
        write_csv(out / TABLE_FILE, _COLUMNS, _rows(out))


def _rows(out: Path) -> Iterator[list[object]]:
    names = {
        path.name.removesuffix(suffix) for suffix in (BAG_SUFFIX, FAILED_SUFFIX) for path in out.glob(f"*{suffix}")
    }
    for name in sorted(name for name in names if not name.startswith(".")):
        failed = out / f"{name}{FAILED_SUFFIX}"
        yield _failed_row(name, failed) if failed.exists() else _bag_row(out / f"{name}{BAG_SUFFIX}")


def _failed_row(name: str, path: Path) -> list[object]:
    try:
        failed = read_json(path, FailedFeatures.model_validate, absent="does not exist", damaged="is damaged ({})")
        message = f"while {failed.failure.stage}: {failed.failure.message}"
    except DataError as error:
        message = str(error)
    if path.with_name(f"{name}{BAG_SUFFIX}").exists():
        message += "; an earlier file was left as it is"
    return [name, "failed", *[""] * (len(_COLUMNS) - 3), message]


def _bag_row(path: Path) -> list[object]:
    try:
        header = read_bag_header(path)
    except DataError as error:
        return [path.stem, "damaged", *[""] * (len(_COLUMNS) - 3), str(error)]
    facts = header.facts
    mpp = f"{facts.grid.mpp:g}" if facts.grid else ""
    return [path.stem, "finished", header.tiles, facts.unreadable, header.size, facts.space.name, mpp, ""]
