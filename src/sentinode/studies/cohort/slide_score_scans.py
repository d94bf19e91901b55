"""A slide score fitted on finished scans with labels, and put into all scans of a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sentinode.core.errors import DataError
from sentinode.core.messages import plural, some
from sentinode.data.slide_labels import read_slide_labels
from sentinode.metrics.slide_score.slide_score_fit import cross_validated_slide_score
from sentinode.metrics.slide_score.slide_score_model import heatmap_features
from sentinode.scanning.scan_folder import ScanFolder, scans_in
from sentinode.scanning.scan_record import FinishedScan
from sentinode.scanning.slide_score import FittedOn, SlideScore, Validation
from sentinode.slides.slide_names import SlideNames
from sentinode.studies.cohort.scanned_names import scanned_names

LEAST_SLIDES = 10
"""Least slides of each class. With fewer, the interval of the AUC reaches from useless to perfect, and eight
coefficients have nothing to be fitted on."""


@dataclass(frozen=True)
class LeftOut:
    """Names of what a slide score was not fitted on."""

    unlabelled: tuple[str, ...]
    """Scans without a label."""
    unscanned: tuple[str, ...]
    """Slides with a label and without a finished scan."""
    not_assessed: tuple[str, ...]
    """Slides of which nothing, or too little, was seen."""


def fit_on_scans(scans: Path, labels: Path, *, seed: int = 42) -> tuple[SlideScore, LeftOut]:
    """Fit a slide score on the finished scans in `scans`, and measure it on slides of other patients.

    Args:
        scans: Folder of scan folders, all of one bundle and stride.
        labels: CSV, see `read_labels`. A scan without a label, a label without a scan, and what was not
            assessed are left out.
        seed: Of folds and bootstrap.

    Returns:
        The score, and what was left out.

    Raises:
        DataError: Fewer than `LEAST_SLIDES` of a class; scans of several bundles or strides.
        EvaluationError: A class is in one patient only.
    """
    finished = scans_in(scans)
    truths, patients = read_labels(labels, scanned_names(finished, ()))
    assessed = [scan for scan in finished if not scan.record.not_assessed]
    labelled = [scan for scan in assessed if scan.record.name in truths]
    names = [scan.record.name for scan in labelled]
    left_out = _left_out(finished, truths)
    truth = np.array([truths[name] for name in names], np.int64)
    for value, what in ((1, "with tumour"), (0, "without tumour")):
        count = int((truth == value).sum())
        if count < LEAST_SLIDES:
            without = f" ({some(left_out.unscanned, 3)} of it have no finished scan)" if left_out.unscanned else ""
            raise DataError(
                f"{plural(count, 'scanned slide')} in {labels} {what}{without}; a slide score needs at "
                f"least {LEAST_SLIDES} of each: scan and label more"
            )
    fitted_on, features = _features(labelled)
    owners = [patients.get(name, name) for name in names]
    found = cross_validated_slide_score(features, truth, owners, seed=seed)
    score = SlideScore(
        sentinode=version("sentinode"),
        fitted_on=fitted_on,
        model=found.model,
        validation=Validation(
            folds=found.folds,
            patients=len(set(owners)),
            auc=found.auc.to_json(),
            brier=found.brier,
            brier_of_prevalence=found.brier_of_prevalence,
            auc_of_highest=found.auc_of_highest.to_json(),
        ),
    )
    return score, left_out


def _left_out(finished: Sequence[ScanFolder], truths: Mapping[str, int]) -> LeftOut:
    scanned = {scan.record.name for scan in finished}
    return LeftOut(
        unlabelled=tuple(sorted(scanned - set(truths))),
        unscanned=tuple(sorted(set(truths) - scanned)),
        not_assessed=tuple(scan.record.name for scan in finished if scan.record.not_assessed),
    )


def apply_to_scans(score: SlideScore, scans: Path) -> list[FinishedScan]:
    """Put the score into every finished scan in `scans`. All are checked before the first is changed.

    Raises:
        DataError: There is none, or one is of another bundle or stride.
    """
    finished = scans_in(scans)
    for scan in finished:
        bundle = scan.record.bundle
        score.check(bundle.name, bundle.sha256, bundle.target, scan.heatmap().mpp.x)
    return [score.put(scan) for scan in finished]


def read_labels(path: Path, slides: SlideNames) -> tuple[Mapping[str, int], Mapping[str, str]]:
    """Which slides have tumour, isolated cells included, and whose they are: slide → 1 or 0, slide → patient.

    See `read_slide_labels` for the table and for what is refused.
    """
    labels = read_slide_labels(path, slides)
    patients = {row.slide: row.patient for row in labels.rows} if labels.patients_known else {}
    return {row.slide: int(row.tumour) for row in labels.rows}, patients


def _features(scans: list[ScanFolder]) -> tuple[FittedOn, np.ndarray]:
    """What all scans share, and (N, F) their heatmaps' features."""
    seen: set[tuple[str, str, str, float]] = set()
    rows = []
    for scan in scans:
        bundle, heatmap = scan.record.bundle, scan.heatmap()
        seen.add((bundle.name, bundle.sha256, bundle.target, round(heatmap.mpp.x, 3)))
        rows.append(heatmap_features(heatmap.values, mpp_x=heatmap.mpp.x, mpp_y=heatmap.mpp.y))
    if len(seen) > 1:
        found = "; ".join(f"{name} ({sha256[:8]}), {what}, {cell:g} µm" for name, sha256, what, cell in sorted(seen))
        raise DataError(f"the scans are of several bundles, classes or strides: {found}; fit a slide score on each")
    name, sha256, target, cell_um = seen.pop()
    return FittedOn(bundle=name, bundle_sha256=sha256, target=target, cell_um=cell_um), np.stack(rows)
