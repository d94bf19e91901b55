"""`sentinode lesion-rule fit`: a learned rule for lesions from scans whose truth is known."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from sentinode.core.errors import DataError
from sentinode.core.extras import require
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.patient_table import read_patients
from sentinode.metrics.lesion_fit import CrossValidated, cross_validated
from sentinode.metrics.lesion_probability import FEATURES
from sentinode.models.bundle import open_bundle
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.learned_rule import LearnedRule, Looks, RuleValidation
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_folder import ScanFolder, scans_in
from sentinode.scanning.second_looker import AUTO, SecondLooker, looks_of, second_looker
from sentinode.scanning.suspects import Suspect, find_suspects
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.slide_list import list_slides
from sentinode.studies.cohort.scanned_names import scanned_names
from sentinode.studies.cohort.slide_truths import SlideTruths, not_known

shapely = require("shapely", extra="scan")

TOLERANCE_UM = 25.0
"""A suspect whose surest spot lies so near to a metastasis is one: the spot is known to within a shifted tile."""


@dataclass(frozen=True)
class FittedRule:
    """A rule, and where it was written."""

    rule: LearnedRule
    path: Path
    notes: tuple[str, ...] = ()
    """What was mended in the annotations, and what of them was not used."""

    def to_json(self) -> dict[str, Any]:
        """The rule's file, and the notes."""
        return {**self.rule.model_dump(mode="json"), "notes": list(self.notes)}

    def summary(self) -> str:
        """What it was fitted on and what it gives on slides that were left out, for a person."""
        found = self.rule.validation
        return "\n".join(
            [
                f"fitted on {plural(found.suspects, 'suspect')} of {plural(found.slides, 'slide')}, "
                f"{found.metastases} of them metastases",
                f"AUC of suspects on other slides  {found.auc:.3f}",
                f"called from a probability of     {self.rule.model.threshold:.3f}",
                f"metastases called there          {found.metastases_called} of {found.metastases}",
                f"false lesions a normal slide     {found.false_lesions_a_normal_slide:.2f}",
                f"Brier score of slides            {found.brier_of_slides:.4f} "
                f"(of 1 - Π(1 - p): {found.brier_of_product:.4f})",
                *(f"note: {note}" for note in self.notes),
                f"rule written to {self.path}",
            ]
        )


def fit_lesion_rule(
    bundle: str | Path,
    scans: str | Path,
    slides: str | Path,
    annotations: str | Path,
    out: str | Path,
    *,
    patients: str | Path | None = None,
    second_look: str = AUTO,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> FittedRule:
    """Take a second look at every finished scan, and fit what tells metastases from false alarms among the suspects.

    Args:
        bundle: That made the scans.
        scans: Folder of scan folders, all with one configuration but for the region.
        slides: Folder of their slides.
        annotations: Folder with NAME.xml, .geojson or .json of slides with tumour; the others are taken for normal.
        out: JSON file to write.
        patients: CSV of slide and patient: slides of one patient are left out together; None: each by itself.
        second_look: See `scan`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        DataError: A scan is of another bundle, its slide is missing, or an annotation does not say where tumour is.
        EvaluationError: Suspects are of one kind only.
    """
    opened, finished = open_bundle(bundle), scans_in(Path(scans))
    config = _config(finished)
    machine = Machine((settings or Settings.from_environment()).threads)
    engine = LazyEngine(opened, config.resolved(opened.info), machine.threads)
    looker = second_looker(second_look, engine, machine)
    looks = looks_of(engine, looker)
    names = scanned_names(finished, ())
    truths = SlideTruths(Path(annotations), names)
    of_slide = read_patients(Path(patients), names).of_slide if patients else {}
    if patients and (missing := [scan.record.name for scan in finished if scan.record.name not in of_slide]):
        raise DataError(f"slide {missing[0]} was scanned and is not in {patients}; add it with its patient")
    with progress.bar("second look", len(finished), "slides") as advance:
        cohort = _looked_at(finished, Path(slides), truths, looker, looks, advance)
    groups = [of_slide[slide] if patients else slide for slide in cohort.slides]
    found = cross_validated(cohort.features, cohort.truths, cohort.slides, cohort.tumour, groups)
    rule = LearnedRule(
        sentinode=version("sentinode"),
        looks=looks,
        model=found.model,
        validation=_validation(found, cohort),
        card=(
            f"Slides: {', '.join(sorted(cohort.tumour))}. A suspect whose surest spot lies within {TOLERANCE_UM:g} µm "
            "of an annotated metastasis counts as one."
        ),
    )
    rule.save(Path(out))
    return FittedRule(rule, Path(out), tuple(truths.notes()))


@dataclass(frozen=True, eq=False)
class _Cohort:
    """The suspects of all slides."""

    features: NDArray[np.float64]
    """(N, F)"""
    truths: NDArray[np.bool_]
    """(N) whether each is a metastasis."""
    slides: list[str]
    """(N) whose it is."""
    tumour: dict[str, bool]
    """Every slide: whether it has a metastasis."""


def _looked_at(
    finished: list[ScanFolder],
    slides: Path,
    known: SlideTruths,
    looker: SecondLooker,
    looks: Looks,
    advance: Callable[[], object],
) -> _Cohort:
    files = {path.stem: path for path in list_slides([slides])}
    rows: list[NDArray[np.float64]] = []
    truths: list[bool] = []
    owners: list[str] = []
    tumour: dict[str, bool] = {}
    for scan in finished:
        name = scan.record.name
        if scan.record.bundle.sha256 != looks.first_sha256:
            raise DataError(f"{scan.path} is a scan of another bundle than {looks.first}; scan the slide with that one")
        if name not in files:
            raise DataError(f"the slide of scan {scan.path} is not in {slides}; give the folder that holds it")
        suspects, hits, tumour[name] = _judged(scan, files[name], known, looker)
        rows += [suspect.features for suspect in suspects]
        truths += hits
        owners += [name] * len(suspects)
        advance()
    return _Cohort(np.array(rows).reshape(len(rows), len(FEATURES)), np.array(truths, bool), owners, tumour)


def _config(finished: list[ScanFolder]) -> ScanConfig:
    """What all scans have in common.

    Raises:
        DataError: They differ in more than the region.
    """
    configs = [ScanConfig.model_validate({**scan.record.config, "region": None}) for scan in finished]
    if any(each != configs[0] for each in configs):
        raise DataError("the scans have several configurations; scan all slides with the same options")
    return configs[0]


def _judged(
    scan: ScanFolder, slide_file: Path, known: SlideTruths, looker: SecondLooker
) -> tuple[list[Suspect], list[bool], bool]:
    """The suspects of a scan, whether each is a metastasis, and whether the slide has any."""
    slide = scan.record.slide
    drawn = known.placed_on(slide)
    if drawn is not None and (why := not_known(drawn)):
        raise DataError(f"{slide.name}: {why}; leave its scan out, or outline all tumour of the slide")
    fine = looker.look_at(scan, slide_file)
    suspects = find_suspects(scan.heatmap(), fine, slide.width, slide.height)
    if drawn is None or drawn.tumour.is_empty:
        return suspects, [False] * len(suspects), False
    near = TOLERANCE_UM / slide.mpp_x
    hits = [drawn.tumour.distance(shapely.Point(each.peak_x, each.peak_y)) <= near for each in suspects]
    return suspects, hits, True


def _validation(found: CrossValidated, cohort: _Cohort) -> RuleValidation:
    truth, called = cohort.truths, found.probabilities >= found.model.threshold
    normal = [name for name, is_tumour in cohort.tumour.items() if not is_tumour]
    false = int((called & ~truth & np.isin(cohort.slides, normal)).sum())
    return RuleValidation(
        folds=found.folds,
        slides=len(cohort.tumour),
        normal_slides=len(normal),
        suspects=len(truth),
        metastases=int(truth.sum()),
        auc=float(roc_auc_score(truth, found.probabilities)),
        false_lesions_a_normal_slide=false / max(1, len(normal)),
        metastases_called=int((called & truth).sum()),
        brier_of_slides=found.brier,
        brier_of_product=found.product_brier,
    )
