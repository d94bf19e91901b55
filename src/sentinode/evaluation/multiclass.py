"""More than two classes: MedMNIST's macro AUC and accuracy, and figures for each class against the rest."""

from dataclasses import dataclass

from sentinode.evaluation.curves import RocCurve
from sentinode.evaluation.metric import Metric


@dataclass(frozen=True)
class ClassFigures:
    """One class against the rest."""

    name: str
    """Class name."""

    n: int
    """Samples that are of it."""

    metrics: dict[str, Metric]
    """`auc` (one versus rest), and at argmax `sensitivity`, `specificity`, `precision`, `f1`."""

    roc: RocCurve | None
    """One-versus-rest ROC curve; None when all or none of the samples are of this class."""
