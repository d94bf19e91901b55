"""The table beside slides: `slide` with `label`, `patient`, `split`, `annotated`; or CAMELYON16's reference.csv."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.csv_table import Row, read_table
from sentinode.core.errors import DataError
from sentinode.slides.annotations.camelyon import named_slide
from sentinode.slides.slide_names import SlideNames, bare_name

_COLUMNS = ("label", "patient", "group", "split", "annotated")
_LABELS = {
    **dict.fromkeys(("0", "normal", "negative", "no"), False),
    **dict.fromkeys(("1", "tumour", "tumor", "positive", "yes", "itc", "micro", "macro"), True),
}
_ANNOTATED = {"fully": True, "partly": False}
_REFERENCE = ("slide", "label", "type", "size")


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


@dataclass(frozen=True)
class SlideTable:
    """What tables say of slides."""

    rows: dict[str, SlideRow]
    """By slide."""
    unused: tuple[str, ...]
    """Names of slides that are not there, as they are written."""


def read_slide_tables(paths: Sequence[Path], slides: SlideNames) -> SlideTable:
    """What tables say of `slides`.

    Args:
        paths: CSV files with a column `slide` (a suffix does not matter) and any of `label` (normal or tumour, 0 or 1),
            `patient`, `split` (train, validation, test) and `annotated` (fully or partly). CAMELYON16's reference.csv
            has no header: `test_001,Tumor,IDC,Macro`.
        slides: Those that are there.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It is of another form, has a value that means nothing, a slide twice, or a patient for some only.
    """
    found: dict[str, SlideRow] = {}
    unused = []
    for path in paths:
        rows = _rows(path)
        with_patients = any(row["patient"] or row["group"] for row in rows)
        for row in rows:
            written = row.key("slide")
            said = _said(row, with_patients=with_patients)
            name = slides.find(written)
            if name is None:
                unused.append(written)
            elif found.setdefault(name, said) != said:
                raise row.fault(f"it says another thing of slide {name} than an earlier line; keep one of them")
    return SlideTable(found, tuple(unused))


def _rows(path: Path) -> list[Row]:
    table = read_table(path)
    if named_slide(bare_name(table.header[0])) is not None:
        return table.without_header(_REFERENCE[: len(table.header)]).rows(("slide", "label"))
    if not (table.has("slide") and any(table.has(name) for name in _COLUMNS)):
        # A table that says nothing is never passed over: its slides would be taken for something else than it meant.
        raise DataError(
            f"{path} has the columns {', '.join(filter(None, table.header)) or '(none)'}; it needs slide and any of "
            f"{', '.join(_COLUMNS)}: correct its first line, or give another --table"
        )
    return table.rows(("slide",), _COLUMNS)


def _said(row: Row, *, with_patients: bool) -> SlideRow:
    if with_patients and not row["group"]:  # for all or for none: else slides of one patient may come into two splits
        row.key("patient")
    return SlideRow(_label(row), row["patient"] or row["group"], row["split"], _annotated(row))


def _label(row: Row) -> bool | None:
    value = row["label"]
    if value and value.lower() not in _LABELS:
        raise row.fault(f"the label {value!r}; write normal or tumour, or 0 or 1")
    return _LABELS[value.lower()] if value else None


def _annotated(row: Row) -> bool | None:
    value = row["annotated"]
    if value and value.lower() not in _ANNOTATED:
        raise row.fault(f"{value!r} in the column annotated; write fully or partly")
    return _ANNOTATED[value.lower()] if value else None
