"""`csv:FILE`: a table path,label[,group][,split][,centre][,synthetic] of images; paths from the file's folder."""

from collections.abc import Sequence
from pathlib import Path

from sentinode.core.csv_table import Row, read_table
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.messages import plural
from sentinode.data.source import Record, recognise_positive
from sentinode.data.sources.file_source import FileSource


def recognises(path: Path) -> bool:
    """Whether `path` is a file whose name ends in .csv."""
    return path.suffix.lower() == ".csv" and path.is_file()


def open_path(path: Path) -> FileSource:
    """Open the table at `path`. An empty label or group is a missing one.

    Raises:
        DataError: A column is missing, only some rows have a split, or `synthetic` is neither empty nor yes.
        DataNotFoundError: A path in it leads nowhere.
    """
    if not path.is_file():
        raise DataNotFoundError(f"{path} is not a file; csv: needs a table with the columns path,label[,group][,split]")
    rows = read_table(path).rows(("path", "label"), ("group", "split", "centre", "synthetic"))
    _check_splits(path, rows)
    _check_paths(path, rows)
    records = tuple(
        Record(
            id=row["path"], path=str(path.parent / row["path"]),
            label=row["label"] or None, group=row["group"] or None, split=row["split"] or None,
            centre=row["centre"] or None, synthetic=_synthetic(row),
        )
        for row in rows
    )  # fmt: skip
    names = tuple(sorted({row["label"] for row in rows} - {""}))
    return FileSource(f"csv:{path}", names, recognise_positive(names), records)


def _synthetic(row: Row) -> bool:
    if row["synthetic"].casefold() not in ("", "yes"):
        raise row.fault(f"synthetic is {row['synthetic']!r}; write yes for a patch that was drawn, else nothing")
    return bool(row["synthetic"])


def _check_splits(path: Path, rows: Sequence[Row]) -> None:
    empty = [row.line for row in rows if not row["split"]]
    if empty and len(empty) < len(rows):
        raise DataError(
            f"{path} has no split in {len(empty)} of {plural(len(rows), 'row')} (first: line {empty[0]}); "
            "fill the column in, or leave it out to have the rows shared out"
        )


def _check_paths(path: Path, rows: Sequence[Row]) -> None:
    wrong = [row for row in rows if not (path.parent / row["path"]).is_file()]
    if wrong:
        raise DataNotFoundError(
            f"{path}, line {wrong[0].line}: {wrong[0]['path']!r} is not a file ({len(wrong)} of "
            f"{plural(len(rows), 'row')} wrong like this); paths start at {path.parent.resolve()}: correct "
            "them or remove the rows"
        )
