"""From a folder of scans and one of annotations to the FROC and the slide AUC: `sentinode froc`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.csv_output import render_csv
from sentinode.core.errors import DataError
from sentinode.core.files import write_json, write_text
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.data.patient_table import read_patients
from sentinode.metrics.froc.curve import Froc, JudgedSlide, froc, judge
from sentinode.metrics.froc.detections import Detections, suppress
from sentinode.metrics.slide_score.slide_auc import slide_auc
from sentinode.reports.frame import Context
from sentinode.reports.froc_page import FrocRow, write_froc_page
from sentinode.scanning.scan_folder import ScanFolder, failed_scans_in, scans_in
from sentinode.scanning.scan_record import BundleFacts, SlideFacts
from sentinode.slides.slide_list import list_slides
from sentinode.slides.slide_names import SlideNames
from sentinode.studies.cohort.froc_pictures import draw_pictures
from sentinode.studies.cohort.scanned_names import scanned_names
from sentinode.studies.cohort.slide_truths import SlideTruth, SlideTruths
from sentinode.studies.cohort.unscanned_slides import judge_unscanned

RADIUS_UM = 200.0
"""Detections are further apart than this: nearer foci would be one cluster of isolated cells in length."""

MINIMUM = 0.1
"""Low, because the curve reaches out to eight false positives a slide; a higher one only cuts it off."""


@dataclass(frozen=True, eq=False)
class _Slide:
    row: FrocRow
    detections: Detections
    facts: SlideFacts
    bundle: BundleFacts
    score_method: str


@dataclass(frozen=True)
class FrocResult:
    """Where the files are, and the figures."""

    folder: Path
    facts: dict[str, Any]
    """The content of `froc.json`."""

    @property
    def froc(self) -> Metric:
        """The FROC score: the mean sensitivity at the six rates of CAMELYON16."""
        return Metric.from_json(self.facts["metrics"]["froc"])

    @property
    def slide_auc(self) -> Metric:
        """The AUC of the slide scores."""
        return Metric.from_json(self.facts["metrics"]["slide_auc"])

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return self.facts

    def summary(self) -> str:
        """A few lines for a person."""
        return "\n".join(
            [
                f"FROC score   {self.froc}   {plural(self.facts['targets'], 'target')} on "
                f"{plural(self.facts['slides'], 'slide')}",
                f"slide AUC    {self.slide_auc}",
                *self.facts["notes"],
                f"look at   {self.folder / 'froc.html'}",
            ]
        )


def froc_of_scans(
    scans: str | Path,
    annotations: str | Path,
    out: str | Path,
    *,
    radius_um: float = RADIUS_UM,
    minimum: float = MINIMUM,
    patients: str | Path | None = None,
    slides: str | Path | None = None,
    tumour_names: Sequence[str] = (),
) -> FrocResult:
    """Measure the scans against annotations; write `froc.html`, `froc.json` and `detections.csv` into `out`.

    Args:
        scans: Folder of scan folders.
        annotations: Folder with NAME.xml, NAME.geojson or NAME.json for every slide with tumour. A slide without a
            file, or with no tumour in it, counts as normal. The targets of slides that could not be scanned count as
            missed; what was not assessed and has no tumour drawn is left out. Both are named, and so is what was not
            used of the annotations.
        out: Folder for the result.
        radius_um: Of the non-maximum suppression.
        minimum: Least score of a detection.
        patients: CSV, see `read_patients`: whole patients are then resampled.
        slides: Folder with the slides' files, for their thumbnails in the page.
        tumour_names: Class names of annotations that mean tumour, besides the usual (Tumor, _0, _1, metastases).

    Raises:
        DataError: No scan, scans of several bundles, or a slide that is not in `patients`.
        AnnotationError: An annotation can't be read, was drawn on another slide, or calls no region tumour.
        EvaluationError: No slide has a target.
    """
    scans, annotations, out = Path(scans), Path(annotations), Path(out)
    files = {} if slides is None else {path.name: path for path in list_slides([Path(slides)])}
    finished, failed = scans_in(scans), failed_scans_in(scans)
    names = scanned_names(finished, failed)
    truths = SlideTruths(annotations, names, tumour_names)
    left_out, judged = [], []
    for scan in finished:
        truth, unseen = truths.of(scan.record.slide), scan.record.not_assessed
        if truth.left_out:
            left_out.append(f"Left out: {truth.left_out}.")
        elif unseen and truth.mask is None:  # it would count as a slide without false positives
            left_out.append(f"Left out: {scan.record.name}, which is not assessed ({unseen}) and has no tumour drawn.")
        else:
            judged.append(_judged(scan, truth, radius_um, minimum, files))
    _check_one_bundle(judged)
    unscanned = judge_unscanned(failed, truths, [one.facts for one in judged])
    rows = [*(one.row for one in judged), *unscanned.rows]
    left_out += unscanned.left_out
    groups = _groups([row.judged.name for row in rows], names, None if patients is None else Path(patients))
    result = froc([row.judged for row in rows], groups=groups)
    auc = slide_auc([row.judged.tumour for row in rows], [row.score or 0.0 for row in rows], groups=groups)
    bundle = judged[0].bundle
    how = (
        f"Detections are cells of the heatmap of {bundle.target!r}, highest first, down to a score of {minimum:g}; "
        f"within {radius_um:g} µm of one there is no other. The slide score: {judged[0].score_method}."
    )
    unseen_slides = {row.judged.name: row.not_assessed for row in rows if row.not_assessed}
    missed = tuple(f"{name} is not assessed: {reason}." for name, reason in unseen_slides.items())
    normal = f"Slides without a file in {annotations.name} count as normal: {_normal(rows)}."
    notes = (*left_out, *missed, normal, *truths.notes())
    context = Context(data=scans.name, model=bundle.name, method=(how,), notes=notes)
    write_froc_page(result, auc, rows, context, out / "froc.html")
    write_text(out / "detections.csv", _table(judged))
    found = _json(result, auc, rows) | {"radius_um": radius_um, "minimum": minimum, "bundle": bundle.name}
    found |= {"notes": list(notes), "not_assessed": unseen_slides, "unused_annotations": truths.unused}
    found["classes_passed_over"] = truths.passed_over
    write_json(out / "froc.json", found)
    return FrocResult(out, found)


def _judged(scan: ScanFolder, truth: SlideTruth, radius_um: float, minimum: float, files: Mapping[str, Path]) -> _Slide:
    record, heatmap = scan.record, scan.heatmap()
    facts = record.slide
    notes = list(truth.notes)
    found = suppress(heatmap.values, mpp_x=heatmap.mpp.x, mpp_y=heatmap.mpp.y, radius_um=radius_um, minimum=minimum)
    found = _within(found, facts)
    pictures = draw_pictures(
        files.get(facts.file), facts.width * facts.mpp_x, facts.height * facts.mpp_y, truth.mask, heatmap, found,
        record.config.get("series"),
    )  # fmt: skip
    if record.not_assessed:
        notes.append("It is not assessed: targets in what was not seen count as missed.")
    row = FrocRow(
        judge(record.name, found, truth.mask), record.slide_score,
        pictures.slide, pictures.truth, pictures.heatmap, " ".join(notes), record.not_assessed,
    )  # fmt: skip
    return _Slide(row, found, facts, record.bundle, record.slide_score_method)


def _within(found: Detections, facts: SlideFacts) -> Detections:
    """The same, with the middle of a cell that juts out over the slide's edge moved onto the edge."""
    x_um = np.minimum(found.x_um, facts.width * facts.mpp_x)
    return Detections(x_um, np.minimum(found.y_um, facts.height * facts.mpp_y), found.scores)


def _check_one_bundle(judged: list[_Slide]) -> None:
    if not judged:
        raise DataError("no slide is left to measure; give scans of slides that are not known to be faulty")
    used = sorted({(one.bundle.name, one.bundle.sha256, one.bundle.target) for one in judged})
    if len(used) > 1:
        names = ", ".join(f"{name} ({target}, {sha256[:8]})" for name, sha256, target in used)
        raise DataError(f"the scans are of several bundles or classes: {names}; measure each by itself")
    methods = sorted({one.score_method for one in judged})
    if len(methods) > 1:
        raise DataError(
            f"the slides have scores of several kinds: {'; '.join(methods)}; give all of them one with "
            "`sentinode slide-score apply`"
        )


def _groups(slides: list[str], names: SlideNames, patients: Path | None) -> list[str] | None:
    if patients is None:
        return None
    known = read_patients(patients, names).of_slide
    missing = [name for name in slides if name not in known]
    if missing:
        raise DataError(f"slide {missing[0]} was scanned and is not in {patients}; add it with its patient")
    return [known[name] for name in slides]


def _normal(rows: list[FrocRow]) -> str:
    count = sum(not row.judged.tumour for row in rows)
    return f"{count} of {plural(len(rows), 'slide')}"


def _table(judged: list[_Slide]) -> str:
    """Detections in level-0 pixels, as the organisers' program reads them, and in µm."""
    rows = []
    for one in judged:
        for x_um, y_um, score in zip(
            one.detections.x_um, one.detections.y_um, one.detections.scores.tolist(), strict=True
        ):
            x, y = int(x_um / one.facts.mpp_x), int(y_um / one.facts.mpp_y)
            rows.append((one.facts.name, f"{score:.7g}", x, y, f"{x_um:.1f}", f"{y_um:.1f}"))
    return render_csv(("slide", "score", "x", "y", "x_um", "y_um"), rows)


def _json(result: Froc, auc: Metric, rows: list[FrocRow]) -> dict[str, Any]:
    found = result.to_json()
    found["metrics"] = {"slide_auc": auc.to_json()} | found["metrics"]
    found["by_slide"] = {row.judged.name: _slide_json(row.judged, row.score) for row in rows}
    return found


def _slide_json(judged: JudgedSlide, score: float | None) -> dict[str, Any]:
    return {
        "tumour": judged.tumour,
        "score": score,
        "targets": [value if math.isfinite(value) else None for value in judged.targets.tolist()],
        "isolated": judged.isolated,
        "ignored_detections": judged.ignored,
        "repeated_detections": judged.repeated,
        "false_positives": len(judged.false_positives),
    }
