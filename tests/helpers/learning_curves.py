"""Learning curves with chosen figures."""

from collections.abc import Mapping

from sentinode.core.metric import Metric
from sentinode.metrics.learning_curve import CurvePoint, LearningCurve, learning_curve

AUCS = {0.1: (0.70, 0.62, 0.75), 0.5: (0.80, 0.79, 0.81), 1.0: (0.90, 0.89, 0.91)}


def make_point(fraction: float, seed: int, auc: float | None, groups: int | None = None) -> CurvePoint:
    area = Metric(auc, None, None, "", 50) if auc is not None else Metric.undefined("no positive sample", 50)
    n = round(1000 * fraction) + (seed if fraction < 1 else 0)
    counts = {"normal": n // 2, "tumour": n - n // 2}
    return CurvePoint(fraction, seed, n, counts, groups, {"auc": area, "accuracy": Metric(0.6, 0.5, 0.7, "", 50)}, 2.5)


def make_curve(aucs: Mapping[float, tuple[float | None, ...]] = AUCS, groups: int | None = None) -> LearningCurve:
    points = [make_point(f, seed, auc, groups) for f, values in aucs.items() for seed, auc in enumerate(values)]
    return learning_curve(points[::-1], n_train=1000, n=50, positive="tumour")
