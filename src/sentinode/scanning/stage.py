"""From a folder of scans to slide classes and patients' stages: `sentinode stage`."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sentinode.core.errors import DataError
from sentinode.core.files import write_json, write_text
from sentinode.evaluation.staging import (
    SLIDE_CLASSES,
    STAGES,
    SlideClass,
    StagedPatient,
    confusion,
    quadratic_kappa,
    slide_class,
    stage_patients,
)
from sentinode.scanning.patients import Patients, read_patients
from sentinode.scanning.record import ScanRecord, list_scans, read_record


def stage_scans(scans: Path, patients: Path, out: Path, *, least_score: float = 0.0) -> dict[str, Any]:
    """Stage the patients of a folder of scans; write `stages.csv`, `slides.csv` and `stages.json` into `out`.

    Args:
        scans: Folder of scan folders.
        patients: CSV, see `read_patients`. Its patients without any scan are left out, and counted.
        out: Folder for the result.
        least_score: Lesions whose highest score is below it are taken for false alarms.

    Returns:
        What `stages.json` holds; quadratic kappa where true stages are known.

    Raises:
        DataError: No scan, no such table, or a slide of a scanned patient that was not scanned.
    """
    known = read_patients(patients)
    records = [read_record(folder) for folder in list_scans(scans)]
    classes = {record.name: class_of(record, least_score) for record in records}
    unknown = sorted(classes.keys() - known.of_slide.keys())
    if unknown:
        raise DataError(f"slide {unknown[0]} was scanned and is not in {patients}; add it with its patient")
    seen = {known.of_slide[slide] for slide in classes}
    staged = stage_patients(classes, {slide: who for slide, who in known.of_slide.items() if who in seen})
    found = {
        "patients": len(staged),
        "patients_without_scans": len(set(known.of_slide.values()) - seen),
        "incomplete_patients": [one.patient for one in staged if not one.complete],
        "least_score": least_score,
        "stages": {one.patient: one.stage for one in staged},
        "slides": classes,
        **_against_truth(staged, classes, known),
    }
    write_json(out / "stages.json", found)
    _write_table(out / "stages.csv", ("patient", "stage", "true_stage", "slides"), _patient_rows(staged, known))
    rows = [(name, known.of_slide[name], classes[name], known.classes.get(name, "")) for name in sorted(classes)]
    _write_table(out / "slides.csv", ("slide", "patient", "class", "true_class"), rows)
    return found


def class_of(record: ScanRecord, least_score: float) -> SlideClass:
    """The class of a scanned slide by its longest lesion."""
    longest = [lesion.diameter_um for lesion in record.lesions if lesion.score_max >= least_score]
    return slide_class(max(longest, default=None))


def _against_truth(
    staged: tuple[StagedPatient, ...], classes: Mapping[str, SlideClass], known: Patients
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pairs = [(known.stages[one.patient], one.stage) for one in staged if one.patient in known.stages]
    if pairs:
        truths, predicted = [truth for truth, _ in pairs], [stage for _, stage in pairs]
        found["quadratic_kappa"] = quadratic_kappa(truths, predicted).to_json()
        found["stage_labels"] = list(STAGES)
        found["stage_confusion_matrix"] = confusion(truths, predicted, STAGES).tolist()
    labelled = sorted(classes.keys() & known.classes.keys())
    if labelled:
        found["class_labels"] = list(SLIDE_CLASSES)
        found["class_confusion_matrix"] = confusion(
            [known.classes[name] for name in labelled], [classes[name] for name in labelled], SLIDE_CLASSES
        ).tolist()
    return found


def _patient_rows(staged: tuple[StagedPatient, ...], known: Patients) -> list[tuple[str, ...]]:
    return [(one.patient, one.stage, known.stages.get(one.patient, ""), str(len(one.slides))) for one in staged]


def _write_table(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([columns, *rows])
    write_text(path, stream.getvalue())
