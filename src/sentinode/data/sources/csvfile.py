"""`csv:FILE`: a table of images with the columns path,label[,group][,split]; paths from the file's folder."""

from collections.abc import Hashable
from pathlib import Path

import pandas as pd

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.columns import read_columns
from sentinode.data.source import Record, recognise_positive
from sentinode.data.sources.file_source import FileSource


def recognises(path: Path) -> bool:
    """Whether `path` is a file whose name ends in .csv."""
    return path.suffix.lower() == ".csv" and path.is_file()


def open_path(path: Path) -> FileSource:
    """Open the table at `path`. An empty label or group is a missing one.

    Raises:
        DataError: A column is missing, or only some rows have a split.
        DataNotFoundError: A path in it leads nowhere.
    """
    if not path.is_file():
        raise DataNotFoundError(f"{path} is not a file; csv: needs a table with the columns path,label[,group][,split]")
    table = read_columns(path, ("path", "label"), ("group", "split"))
    _check_splits(path, table)
    files = [path.parent / name for name in table["path"]]
    _check_paths(path, table["path"], files)
    columns = {name: table[name] if name in table else [""] * len(table) for name in ("label", "group", "split")}
    records = tuple(
        Record(id=name, path=str(file), label=label or None, group=group or None, split=split or None)
        for name, file, label, group, split in zip(table["path"], files, *columns.values(), strict=True)
    )
    names = tuple(sorted(set(table["label"]) - {""}))
    return FileSource(f"csv:{path}", names, recognise_positive(names), records)


def _check_splits(path: Path, table: pd.DataFrame) -> None:
    if "split" not in table or (table["split"] == "").all():
        return
    empty = table.index[table["split"] == ""]
    if len(empty):
        raise DataError(
            f"{path} has no split in {len(empty)} of {len(table)} rows (first: line {_line(empty[0])}); "
            "fill the column in, or leave it out to have the rows shared out"
        )


def _check_paths(path: Path, names: "pd.Series[str]", files: list[Path]) -> None:
    wrong = [number for number, file in enumerate(files) if not file.is_file()]
    if wrong:
        first = wrong[0]
        raise DataNotFoundError(
            f"{path}, line {_line(first)}: {names.iloc[first]!r} is not a file ({len(wrong)} of {len(files)} rows are "
            f"wrong like this); paths start at {path.parent.resolve()}: correct them or remove the rows"
        )


def _line(row: Hashable) -> int:
    return int(str(row)) + 2  # counted from 1, after the header
