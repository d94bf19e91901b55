"""`sentinode lesion-rule fit`: a learned rule for lesions from scans whose truth is known."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from sentinode.core.errors import DataError
from sentinode.core.extras import require
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.metrics.lesion_fit import CrossValidated, cross_validated
from sentinode.models.bundle import open_bundle
from sentinode.scanning.heatmap import read_heatmap
from sentinode.scanning.learned_rule import LearnedRule, RuleValidation
from sentinode.scanning.scan_config import Machine, ScanConfig
from sentinode.scanning.scan_record import ScanRecord, list_scans, read_record
from sentinode.scanning.second_reading import AUTO, SecondLooker, looks_of, second_looker
from sentinode.scanning.suspects import Suspect, find_suspects
from sentinode.slides.annotations.annotation_file import find_annotations, read_annotations
from sentinode.slides.slide_list import list_slides

shapely = require("shapely", extra="scan")

TOLERANCE_UM = 25.0
"""A suspect whose surest spot lies so near to a metastasis is one: the spot is known to within a shifted tile."""


@dataclass(frozen=True)
class FittedRule:
    """A rule, and where it was written."""

    rule: LearnedRule
    path: Path

    def to_json(self) -> dict[str, Any]:
        """The rule's file."""
        return self.rule.model_dump(mode="json")

    def summary(self) -> str:
        """What it was fitted on and what it gives on slides that were left out, for a person."""
        found = self.rule.validation
        return "\n".join(
            [
                f"fitted on {found.suspects} suspects of {found.slides} slides, {found.metastases} of them metastases",
                f"AUC of suspects on other slides  {found.auc:.3f}",
                f"called from a probability of     {self.rule.model.threshold:.3f}",
                f"metastases called there          {found.metastases_called} of {found.metastases}",
                f"false lesions a normal slide     {found.false_lesions_a_normal_slide:.2f}",
                f"Brier score of slides            {found.brier_of_slides:.4f} "
                f"(of 1 - Π(1 - p): {found.brier_of_product:.4f})",
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
        second_look: See `scan`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        DataError: A scan is of another bundle, or its slide is missing.
        EvaluationError: Suspects are of one kind only.
    """
    opened, folders = open_bundle(bundle), list_scans(Path(scans))
    records = [read_record(folder) for folder in folders]
    config = _config(records)
    machine = Machine((settings or Settings.from_environment()).threads)
    looker = second_looker(second_look, opened, config, machine)
    looks = looks_of(opened, looker, config)
    files = {path.stem: path for path in list_slides([Path(slides)])}
    rows, truths, owners, tumour = [], [], [], {}
    with progress.bar("second look", len(folders), "slides") as advance:
        for folder, record in zip(folders, records, strict=True):
            if record.bundle is None or record.bundle.sha256 != looks.first_sha256:
                raise DataError(f"{folder} is a scan of another bundle than {bundle}; scan the slide with that one")
            suspects, hits, is_tumour = _judged(folder, record, files, Path(annotations), looker)
            rows += [suspect.features for suspect in suspects]
            truths += hits
            owners += [record.name] * len(suspects)
            tumour[record.name] = is_tumour
            advance()
    truth = np.array(truths, bool)
    found = cross_validated(np.array(rows).reshape(len(rows), -1), truth, owners, tumour)
    rule = LearnedRule(
        sentinode=version("sentinode"),
        looks=looks,
        model=found.model,
        validation=_validation(found, truth, owners, tumour),
        card=(
            f"Slides: {', '.join(sorted(tumour))}. A suspect whose surest spot lies within {TOLERANCE_UM:g} µm of an "
            "annotated metastasis counts as one."
        ),
    )
    rule.save(Path(out))
    return FittedRule(rule, Path(out))


def _config(records: list[ScanRecord]) -> ScanConfig:
    """What all scans have in common.

    Raises:
        DataError: They differ in more than the region.
    """
    configs = [ScanConfig.model_validate({**record.config, "region": None}) for record in records]
    if any(each != configs[0] for each in configs):
        raise DataError("the scans have several configurations; scan all slides with the same options")
    return configs[0]


def _judged(
    folder: Path, record: ScanRecord, files: dict[str, Path], annotations: Path, looker: SecondLooker
) -> tuple[list[Suspect], list[bool], bool]:
    """The suspects of a scan, whether each is a metastasis, and whether the slide has any."""
    if record.name not in files or record.slide is None:
        raise DataError(f"the slide of scan {folder} is not in the folder of slides; give the folder that holds it")
    fine = looker.look_at(folder, files[record.name])
    suspects = find_suspects(read_heatmap(folder), fine, record.slide.width, record.slide.height)
    drawn = find_annotations(annotations, record.name)
    tumour = read_annotations(drawn).tumour if drawn else None
    if tumour is None or tumour.is_empty:
        return suspects, [False] * len(suspects), False
    near = TOLERANCE_UM / record.slide.mpp_x
    hits = [tumour.distance(shapely.Point(each.peak_x, each.peak_y)) <= near for each in suspects]
    return suspects, hits, True


def _validation(found: CrossValidated, truth: np.ndarray, owners: list[str], tumour: dict[str, bool]) -> RuleValidation:
    called = found.probabilities >= found.model.threshold
    normal = [name for name, is_tumour in tumour.items() if not is_tumour]
    false = int((called & ~truth & np.isin(owners, normal)).sum())
    return RuleValidation(
        folds=found.folds,
        slides=len(tumour),
        normal_slides=len(normal),
        suspects=len(truth),
        metastases=int(truth.sum()),
        auc=float(roc_auc_score(truth, found.probabilities)),
        false_lesions_a_normal_slide=false / max(1, len(normal)),
        metastases_called=int((called & truth).sum()),
        brier_of_slides=found.brier,
        brier_of_product=found.product_brier,
    )
