"""`sentinode slide-score`: one calibrated score a slide, fitted on scans with labels, and put into other scans."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sentinode.core.messages import plural, some
from sentinode.core.metric import Metric
from sentinode.scanning.scan_queue import write_table
from sentinode.scanning.scan_record import FinishedScan
from sentinode.scanning.slide_score import SlideScore
from sentinode.studies.cohort.slide_score_scans import LeftOut, apply_to_scans, fit_on_scans


@dataclass(frozen=True)
class SlideScoreFit:
    """A slide score, and the file that holds it."""

    path: Path
    score: SlideScore
    left_out: LeftOut
    """Slides that it was not fitted on."""

    def to_json(self) -> dict[str, Any]:
        """The content of the file, and the names of what was left out."""
        return {**self.score.model_dump(mode="json"), "left_out": asdict(self.left_out)}

    def summary(self) -> str:
        """A few lines for a person: what it was fitted on, and what it gives on slides of other patients."""
        model, measured = self.score.model, self.score.validation
        left_out = (
            ("scan", "without a label", self.left_out.unlabelled),
            ("label", "without a finished scan", self.left_out.unscanned),
            ("slide", "not assessed", self.left_out.not_assessed),
        )
        return "\n".join(
            [
                f"fitted on {plural(model.slides, 'slide')} of {plural(measured.patients, 'patient')}, "
                f"{model.tumour_slides} with tumour",
                f"AUC on other patients       {Metric.from_json(measured.auc)}",
                f"AUC of the highest cell     {Metric.from_json(measured.auc_of_highest)}",
                f"Brier score                 {measured.brier:.4f} (of the prevalence alone: "
                f"{measured.brier_of_prevalence:.4f})",
                *(
                    f"left out   {plural(len(names), noun)} {why}: {some(names)}"
                    for noun, why, names in left_out
                    if names
                ),
                f"slide score written to {self.path}",
            ]
        )


@dataclass(frozen=True)
class ScoredScans:
    """Scans with their new slide scores."""

    records: list[FinishedScan]

    def to_json(self) -> dict[str, float | None]:
        """Slide → score; null where nothing was scanned."""
        return {record.name: record.slide_score for record in self.records}

    def summary(self) -> str:
        """A line for each slide."""
        return "\n".join(
            f"{name}   {'nothing scanned' if score is None else f'{score:.4f}'}"
            for name, score in self.to_json().items()
        )


def fit_slide_score(scans: str | Path, labels: str | Path, out: str | Path, *, seed: int = 42) -> SlideScoreFit:
    """Fit a slide score on labelled scans, and measure it on slides of other patients.

    Args:
        scans: Folder of scan folders.
        labels: CSV slide,label[,patient], or CAMELYON17's patient,stage.
        out: JSON file to write.
        seed: Of the cross-validation's folds.

    Raises:
        DataError: Too few slides of a class, scans of several bundles, or a slide without a label.
    """
    score, left_out = fit_on_scans(Path(scans), Path(labels), seed=seed)
    score.save(Path(out))
    return SlideScoreFit(Path(out), score, left_out)


def apply_slide_score(scans: str | Path, score: str | Path) -> ScoredScans:
    """Put a fitted slide score into finished scans, without scanning them again.

    Args:
        scans: Folder with finished scans.
        score: File of `fit_slide_score`.

    Raises:
        DataError: A scan is of another bundle or stride; none is changed.
    """
    records = apply_to_scans(SlideScore.load(Path(score)), Path(scans))
    write_table(Path(scans))
    return ScoredScans(records)
