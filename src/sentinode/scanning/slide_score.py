"""A slide score: kept as JSON, and put into finished scans without scanning again. Studies fit it."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from sentinode.core.errors import DataError
from sentinode.core.files import write_json
from sentinode.core.json_file import read_json
from sentinode.core.messages import plural
from sentinode.metrics.slide_score.slide_score_model import (
    SlideScoreModel,
    heatmap_features,
)
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.scan_folder import ScanFolder
from sentinode.scanning.scan_record import RECORD_FILE, FinishedScan

_CELL_SLACK = 0.01


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FittedOn(_Part):
    """The scans that a slide score belongs to: other scans have other heatmaps."""

    bundle: str
    bundle_sha256: str
    target: str
    cell_um: float
    """Side of a cell of the heatmaps in µm: another stride gives other areas and another highest cell."""


class Validation(_Part):
    """What the score gives on slides of patients that it was not fitted on."""

    folds: int
    patients: int
    auc: dict[str, Any]
    """With its interval, as in every report."""
    brier: float
    brier_of_prevalence: float
    auc_of_highest: dict[str, Any]
    """AUC of the heatmap's highest cell alone."""


class SlideScore(_Part):
    """All of a slide score's file."""

    format_version: int = 1
    sentinode: str
    """Version that fitted it."""
    fitted_on: FittedOn
    model: SlideScoreModel
    validation: Validation

    @property
    def origin(self) -> str:
        """Where it comes from in words, for a scan's record."""
        auc = self.validation.auc
        return (
            f"logistic regression on heatmap features, fitted on {plural(self.model.slides, 'slide')}, "
            f"{self.model.tumour_slides} with tumour (AUC {auc['value']:.3f} on other patients)"
        )

    def of(self, heatmap: Heatmap) -> float:
        """Probability of tumour, where tumour is as frequent as among the slides that it was fitted on."""
        features = heatmap_features(heatmap.values, mpp_x=heatmap.mpp.x, mpp_y=heatmap.mpp.y)
        return float(self.model.probabilities(features[None])[0])

    def check(self, bundle: str, sha256: str, target: str, cell_um: float) -> None:
        """Refuse scans that it was not made for.

        Raises:
            DataError: They are of another bundle, class or stride.
        """
        own = self.fitted_on
        if own.bundle_sha256 != sha256 or own.target != target:
            raise DataError(
                f"the slide score was fitted on scans of bundle {own.bundle} ({own.bundle_sha256[:8]}, {own.target}), "
                f"not of {bundle} ({sha256[:8]}, {target}); fit one on scans of that bundle"
            )
        if abs(own.cell_um - cell_um) > _CELL_SLACK * own.cell_um:
            raise DataError(
                f"the slide score was fitted on heatmaps with cells of {own.cell_um:.4g} µm, not {cell_um:.4g} µm; "
                "scan with the same stride, or fit one on these scans"
            )

    def put(self, scan: ScanFolder) -> FinishedScan:
        """Replace the slide score in a finished scan, atomically; returns the new record.

        A slide on which nothing was scanned keeps having none.

        Raises:
            DataError: Its table of tiles is missing or damaged, or `check` refuses it.
        """
        record, heatmap = scan.record, scan.heatmap()
        bundle = record.bundle
        self.check(bundle.name, bundle.sha256, bundle.target, heatmap.mpp.x)
        if record.slide_score is None:
            return record
        changed = record.model_copy(update={"slide_score": self.of(heatmap), "slide_score_method": self.origin})
        write_json(scan.path / RECORD_FILE, changed.model_dump(mode="json"))
        return changed

    def save(self, path: Path) -> None:
        """Write it as JSON, atomically.

        Raises:
            StorageError: The disk is full or the folder can't be written.
        """
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataNotFoundError: There is no such file.
            DataError: It is damaged or of another version.
        """
        return read_json(
            path,
            cls.model_validate,
            absent="does not exist; fit one with `sentinode slide-score fit`",
            damaged="is no slide score ({}); fit it again",
        )
