"""Which slide is whose, and what is known of patients and slides: the table beside a folder of slides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.csv_table import CsvTable, Row, read_table
from sentinode.core.errors import DataError
from sentinode.core.node_classes import SLIDE_CLASSES, STAGES, SlideClass
from sentinode.slides.slide_names import SlideNames, bare_name

FORMS = (
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


def read_patients(path: Path, slides: SlideNames) -> Patients:
    """Read a CSV of patients: `slide,patient[,stage]`, or CAMELYON17's `patient,stage`.

    Args:
        path: The table.
        slides: Those that it is about; of others the names stay as they are written, without a suffix.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It has other columns, a slide without a patient, or says two things of one slide or patient.
    """
    table = read_table(path)
    if table.has("slide", "patient"):
        found = _by_slide(table, slides)
    elif table.has("patient", "stage"):
        found = _camelyon17(table, slides)
    else:
        raise DataError(f"{path} has columns {', '.join(filter(None, table.header)) or 'none'}; {FORMS}")
    check_letters(found.of_slide.values(), path)
    return found


def put(known: dict[str, str], key: str, value: str, row: Row) -> None:
    """Enter what a line says of a slide or patient.

    Raises:
        DataError: An earlier line says another thing.
    """
    if known.setdefault(key, value) != value:
        raise row.fault(f"it says {value} of {key}, and an earlier line {known[key]}; keep what is right")


def slide_of(row: Row, slides: SlideNames, column: str = "slide") -> str:
    """The slide that a line is about; of one that is not among `slides`, the name as written, without a suffix."""
    written = row.key(column)
    return slides.find(written) or bare_name(written)


def _by_slide(table: CsvTable, slides: SlideNames) -> Patients:
    of_slide: dict[str, str] = {}
    stages: dict[str, str] = {}
    for row in table.rows(("slide", "patient"), ("stage",)):
        put(of_slide, slide_of(row, slides), row.key("patient"), row)
        if row["stage"]:
            put(stages, row["patient"], _known(row, STAGES), row)
    return Patients(of_slide, stages, {})


def _camelyon17(table: CsvTable, slides: SlideNames) -> Patients:
    of_slide: dict[str, str] = {}
    stages: dict[str, str] = {}
    classes: dict[str, str] = {}
    for row in table.rows(("patient", "stage")):
        name = slide_of(row, slides, "patient")
        patient, _, node = name.partition("_node_")
        if node:
            put(of_slide, name, patient, row)
            put(classes, name, _known(row, SLIDE_CLASSES), row)
        else:
            put(stages, patient, _known(row, STAGES), row)
    return Patients(of_slide, stages, {name: next(c for c in SLIDE_CLASSES if c == of) for name, of in classes.items()})


def _known(row: Row, allowed: tuple[str, ...]) -> str:
    value = row["stage"]
    for one in allowed:
        if one.casefold() == value.casefold():
            return one
    raise row.fault(f"{value!r}, which is none of {', '.join(allowed)}; correct it")


def check_letters(patients: Iterable[str], path: Path) -> None:
    """Refuse two patients that differ in the case of letters alone: each would have a part of one's slides.

    Raises:
        DataError: There are such.
    """
    seen: dict[str, str] = {}
    for patient in patients:
        if seen.setdefault(patient.casefold(), patient) != patient:
            raise DataError(f"{path} has patients {seen[patient.casefold()]!r} and {patient!r}; write one name for one")
