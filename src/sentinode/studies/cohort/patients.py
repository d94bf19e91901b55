"""Which slide is whose, and what is known of patients and slides: the table beside a folder of scans."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.metrics.stages import SLIDE_CLASSES, STAGES, SlideClass

_FORMS = (
    "give columns slide and patient, and stage if it is known; or CAMELYON17's columns patient and stage, with rows "
    "patient_000.zip and patient_000_node_0.tif"
)


@dataclass(frozen=True)
class Patients:
    """What a table of patients says."""

    of_slide: Mapping[str, str]
    """Slide → patient."""
    stages: Mapping[str, str]
    """Patient → true pN stage, where it is known."""
    classes: Mapping[str, SlideClass]
    """Slide → true class, where it is known."""


def table_rows(path: Path, remedy: str) -> list[dict[str, str]]:
    """The rows of a CSV about slides, by its columns.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It can't be read; the message ends in `remedy`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path} does not exist; check the path") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV that can be read ({error}); {remedy}") from error


def read_patients(path: Path) -> Patients:
    """Read a CSV of patients: `slide,patient[,stage]`, or CAMELYON17's `patient,stage`.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It has other columns, or says two things of one slide or patient.
    """
    rows = table_rows(path, _FORMS)
    columns = list(rows[0]) if rows else []
    if {"slide", "patient"} <= set(columns):
        return _by_slide(rows, path)
    if {"patient", "stage"} <= set(columns):
        return _camelyon17(rows, path)
    raise DataError(f"{path} has columns {', '.join(map(str, columns)) or 'none'}; {_FORMS}")


def _by_slide(rows: list[dict[str, str]], path: Path) -> Patients:
    of_slide: dict[str, str] = {}
    stages: dict[str, str] = {}
    for row in rows:
        _put(of_slide, Path(row["slide"]).stem, row["patient"], path)
        if row.get("stage"):
            _put(stages, row["patient"], _known(row["stage"], STAGES, path), path)
    return Patients(of_slide, stages, {})


def _camelyon17(rows: list[dict[str, str]], path: Path) -> Patients:
    of_slide: dict[str, str] = {}
    stages: dict[str, str] = {}
    classes: dict[str, SlideClass] = {}
    for row in rows:
        name = Path(row["patient"])
        patient, _, node = name.stem.partition("_node_")
        if not node:
            _put(stages, patient, _known(row["stage"], STAGES, path), path)
            continue
        _put(of_slide, name.stem, patient, path)
        known = _known(row["stage"], SLIDE_CLASSES, path)
        classes[name.stem] = next(one for one in SLIDE_CLASSES if one == known)
    return Patients(of_slide, stages, classes)


def _known(value: str, allowed: tuple[str, ...], path: Path) -> str:
    if value not in allowed:
        raise DataError(f"{path} has {value!r}, which is none of {', '.join(allowed)}; correct it")
    return value


def _put(table: dict[str, str], key: str, value: str, path: Path) -> None:
    if table.setdefault(key, value) != value:
        raise DataError(f"{path} says both {table[key]} and {value} of {key}; keep what is right")
