"""The table beside slides: `slide` with `label`, `patient`, `split`, `annotated`; or CAMELYON16's reference.csv."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.columns import read_columns
from sentinode.slides.annotations.camelyon import named_slide

_COLUMNS = ("label", "patient", "group", "split", "annotated")
_LABELS = {
    **dict.fromkeys(("0", "normal", "negative", "no"), False),
    **dict.fromkeys(("1", "tumour", "tumor", "positive", "yes", "itc", "micro", "macro"), True),
}
_ANNOTATED = {"fully": True, "partly": False}


@dataclass(frozen=True)
class SlideRow:
    """What a table says of one slide."""

    tumour: bool | None
    """None: not said."""
    group: str
    """Patient; empty: not said."""
    split: str
    """Empty: not said."""
    complete: bool | None
    """Whether all of its tumour is annotated; None: not said."""


def read_table(paths: Sequence[Path]) -> dict[str, SlideRow]:
    """What tables say of slides, by name without a suffix.

    Args:
        paths: CSV files with a column `slide` (a suffix does not matter) and any of `label` (normal or tumour, 0 or 1),
            `patient`, `split` (train, validation, test) and `annotated` (fully or partly). CAMELYON16's reference.csv
            has no header: `test_001,Tumor,IDC,Macro`.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It is of another form, has a value that means nothing, or a slide twice.
    """
    rows: dict[str, SlideRow] = {}
    for path in paths:
        if not path.is_file():
            raise DataNotFoundError(f"{path} is not a file; give a CSV with the columns slide,label[,patient][,split]")
        first = _first_line(path)
        if first and named_slide(Path(first[0]).stem) is not None:
            found = _reference(path)
        else:
            _check_header(first, path)
            found = _with_header(path)
        for name, row in found:
            if rows.setdefault(name, row) != row:
                raise DataError(f"{path} says two things of slide {name}; keep one of them")
    return rows


def _first_line(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [value.strip() for value in next(csv.reader(file), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a csv file that can be read ({error}); save it as UTF-8 with commas") from error


def _check_header(names: Sequence[str], path: Path) -> None:
    """A table that says nothing is never passed over: its slides would be taken for something else than it meant."""
    if "slide" not in names or not set(_COLUMNS) & set(names):
        raise DataError(
            f"{path} has the columns {', '.join(names) or '(none)'}; it needs slide and any of {', '.join(_COLUMNS)}: "
            "correct its first line, or give another --table"
        )


def _reference(path: Path) -> list[tuple[str, SlideRow]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in csv.reader(file) if len(line) > 1]
    return [(Path(line[0].strip()).stem, SlideRow(_label(line[1], path), "", "", None)) for line in lines]


def _with_header(path: Path) -> list[tuple[str, SlideRow]]:
    table = read_columns(path, ("slide",), _COLUMNS)
    columns = {name: table[name] if name in table else [""] * len(table) for name in _COLUMNS}
    groups = [patient or group for patient, group in zip(columns["patient"], columns["group"], strict=True)]
    rows = zip(table["slide"], columns["label"], groups, columns["split"], columns["annotated"], strict=True)
    return [
        (Path(slide).stem, SlideRow(_label(label, path), group, split, _annotated(annotated, path)))
        for slide, label, group, split, annotated in rows
    ]


def _label(value: str, path: Path) -> bool | None:
    if not value.strip():
        return None
    known = _LABELS.get(value.strip().lower())
    if known is None:
        raise DataError(f"{path} has the label {value!r}; write normal or tumour, or 0 or 1")
    return known


def _annotated(value: str, path: Path) -> bool | None:
    if not value:
        return None
    if value.lower() not in _ANNOTATED:
        raise DataError(f"{path} has {value!r} in the column annotated; write fully or partly")
    return _ANNOTATED[value.lower()]
