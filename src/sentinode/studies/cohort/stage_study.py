"""From a folder of scans to slide classes and patients' stages: `sentinode stage`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.csv_output import write_csv
from sentinode.core.errors import DataError
from sentinode.core.files import write_json
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.core.node_classes import SLIDE_CLASSES, STAGES, SlideClass
from sentinode.data.patient_table import Patients, read_patients
from sentinode.metrics.stages import (
    NOT_ASSESSED,
    StagedPatient,
    confusion,
    quadratic_kappa,
    slide_class,
    stage_patients,
)
from sentinode.reports.frame import Context
from sentinode.reports.stages_page import StageRow, write_stage_page
from sentinode.scanning.scan_folder import ScanFolder, failed_scans_in, scans_in
from sentinode.scanning.scan_record import OVERLAY_FILE, FinishedScan
from sentinode.studies.cohort.scanned_names import scanned_names


@dataclass(frozen=True)
class StageResult:
    """Where the files are, and the stages."""

    folder: Path
    facts: dict[str, Any]
    """The content of `stages.json`."""

    @property
    def stages(self) -> dict[str, str]:
        """Patient → pN; "not assessed" where a slide of the patient was not."""
        return dict(self.facts["stages"])

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return self.facts

    def summary(self) -> str:
        """A line for each patient, and the path of what to look at."""
        notes = self.facts["notes"]
        lines = [
            f"{patient}   {stage}" + (f" ({notes[patient]})" if patient in notes else "")
            for patient, stage in self.stages.items()
        ]
        if incomplete := self.facts["incomplete_patients"]:
            lines.append(f"fewer or more than five slides: {', '.join(incomplete)}")
        if "quadratic_kappa" in self.facts:
            lines.append(f"quadratic kappa   {Metric.from_json(self.facts['quadratic_kappa'])}")
        return "\n".join([*lines, f"look at   {self.folder / 'stages.html'}"])


def stage_scans(scans: str | Path, patients: str | Path, out: str | Path, *, least_score: float = 0.0) -> StageResult:
    """Stage the patients of a folder of scans; write `stages.html`, `stages.csv`, `slides.csv` and `stages.json`.

    Args:
        scans: Folder of scan folders.
        patients: CSV, see `read_patients`. Its patients without any scan are left out, and counted.
        out: Folder for the result.
        least_score: Lesions whose highest score is below it are taken for false alarms.

    A slide that could not be scanned, or of which less than 95 % of the tissue was read, is "not assessed", and so is
    its patient, with a note of what is known.

    Returns:
        The stages; quadratic kappa where true ones are known.

    Raises:
        DataError: No scan, no such table, or a slide of a scanned patient that was not scanned.
    """
    scans, patients, out = Path(scans), Path(patients), Path(out)
    finished = scans_in(scans)
    known = read_patients(patients, scanned_names(finished, failed_scans_in(scans)))
    unseen = not_assessed_in(scans)
    classes = dict.fromkeys(unseen, SLIDE_CLASSES[0]) | {
        scan.record.name: class_of(scan.record, least_score) for scan in finished
    }
    unknown = sorted(classes.keys() - known.of_slide.keys())
    if unknown:
        raise DataError(f"slide {unknown[0]} was scanned and is not in {patients}; add it with its patient")
    seen = {known.of_slide[slide] for slide in classes}
    staged = stage_patients(classes, {slide: who for slide, who in known.of_slide.items() if who in seen}, unseen)
    labels = {name: NOT_ASSESSED if name in unseen else found for name, found in classes.items()}
    found = {
        "patients": len(staged),
        "patients_without_scans": len(set(known.of_slide.values()) - seen),
        "incomplete_patients": [one.patient for one in staged if not one.complete],
        "least_score": least_score,
        "stages": {one.patient: one.label for one in staged},
        "notes": {one.patient: one.note for one in staged if one.note},
        "slides": labels,
        "not_assessed": unseen,
        **_against_truth(staged, labels, known),
    }
    _write_page(staged, finished, labels, known, found, out)
    write_json(out / "stages.json", found)
    said = {scan.record.name: "; ".join(scan.record.notes) for scan in finished}
    columns = ("patient", "stage", "true_stage", "slides", "note")
    write_csv(out / "stages.csv", columns, _patient_rows(staged, known))
    rows = [
        (name, known.of_slide[name], labels[name], known.classes.get(name, ""), unseen.get(name) or said.get(name, ""))
        for name in sorted(labels)
    ]
    write_csv(out / "slides.csv", ("slide", "patient", "class", "true_class", "note"), rows)
    return StageResult(out, found)


def _write_page(
    staged: tuple[StagedPatient, ...],
    scans: list[ScanFolder],
    labels: Mapping[str, str],
    known: Patients,
    found: Mapping[str, Any],
    out: Path,
) -> None:
    least, names = found["least_score"], sorted({scan.record.bundle.name for scan in scans})
    rows = [
        StageRow(
            slide=record.name,
            patient=known.of_slide[record.name],
            found=labels[record.name],
            truth=known.classes.get(record.name),
            lesions=len(_counting(record, least)),
            longest_um=max(_counting(record, least), default=None),
            score=record.slide_score,
            overlay=_overlay(scan.path),
        )
        for scan in scans
        for record in (scan.record,)
    ]
    seen = {row.slide for row in rows}
    rows += [
        StageRow(slide=name, patient=known.of_slide[name], found=label, truth=known.classes.get(name))
        for name, label in labels.items()
        if name not in seen  # they could not be scanned
    ]
    kappa = found.get("quadratic_kappa")
    unseen = plural(found["patients_without_scans"], "patient")
    context = Context(
        data=scans[0].path.parent.name,
        model=", ".join(names),
        method=(f"Lesions whose highest score is below {least:g} don't count." if least else "Every lesion counts.",),
        notes=(
            *((f"Left out without a scan: {unseen} of the table.",) if found["patients_without_scans"] else ()),
            *(f"{name} was not assessed: {reason}." for name, reason in found["not_assessed"].items()),
        ),
    )
    write_stage_page(
        staged, dict(known.stages), None if kappa is None else Metric.from_json(kappa), rows, context,
        out / "stages.html",
    )  # fmt: skip


def _overlay(folder: Path) -> NDArray[np.uint8] | None:
    """The slide with its heatmap, as the scan drew it; None where somebody deleted it."""
    path = folder / OVERLAY_FILE
    if not path.is_file():
        return None
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _counting(record: FinishedScan, least_score: float) -> list[float]:
    return [lesion.diameter_um for lesion in record.lesions if lesion.score_max >= least_score]


def not_assessed_in(scans: Path) -> dict[str, str]:
    """Slides that were scanned in vain, or of which too little was seen → why.

    Raises:
        DataError: A record is damaged.
    """
    failed = {record.name: f"it could not be scanned: {record.failure.message}" for record in failed_scans_in(scans)}
    partly = {scan.record.name: scan.record.not_assessed for scan in scans_in(scans) if scan.record.not_assessed}
    return dict(sorted({**failed, **partly}.items()))


def class_of(record: FinishedScan, least_score: float) -> SlideClass:
    """The class of a scanned slide by its longest lesion."""
    return slide_class(max(_counting(record, least_score), default=None))


def _against_truth(staged: tuple[StagedPatient, ...], labels: Mapping[str, str], known: Patients) -> dict[str, Any]:
    found: dict[str, Any] = {}
    assessed = [one for one in staged if not one.not_assessed]
    pairs = [(known.stages[one.patient], one.stage) for one in assessed if one.patient in known.stages]
    if pairs:
        truths, predicted = [truth for truth, _ in pairs], [stage for _, stage in pairs]
        found["quadratic_kappa"] = quadratic_kappa(truths, predicted).to_json()
        found["stage_labels"] = list(STAGES)
        found["stage_confusion_matrix"] = confusion(truths, predicted, STAGES).tolist()
    labelled = sorted(name for name in labels.keys() & known.classes.keys() if labels[name] != NOT_ASSESSED)
    if labelled:
        found["class_labels"] = list(SLIDE_CLASSES)
        found["class_confusion_matrix"] = confusion(
            [known.classes[name] for name in labelled], [labels[name] for name in labelled], SLIDE_CLASSES
        ).tolist()
    return found


def _patient_rows(staged: tuple[StagedPatient, ...], known: Patients) -> list[tuple[str, ...]]:
    return [
        (one.patient, one.label, known.stages.get(one.patient, ""), str(len(one.slides)), one.note) for one in staged
    ]
