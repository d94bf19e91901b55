"""Learning curves: what a model reaches with part of the training images, over several draws of that part."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from sentinode.core.csv_output import write_csv
from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.measures.auc_interval import auc_metric
from sentinode.metrics.measures.intervals import rate
from sentinode.metrics.measures.multiclass import macro_auc
from sentinode.metrics.predictions import LIKELIEST, Predictions

METRICS = ("auc", "accuracy")
"""What is measured at each point: AUC (macro for more than two classes), and accuracy of the likeliest class."""


@dataclass(frozen=True)
class CurvePoint:
    """One model, trained on one drawn part of the training images."""

    fraction: float
    """The share of the training images that was asked for."""

    seed: int
    """Which draw it is; the draws of one seed are nested, a smaller fraction within a larger one."""

    n: int
    """Training images that it was given; where whole slides are drawn, more than the fraction says."""

    counts: dict[str, int]
    """Class name → training images."""

    groups: int | None
    """Slides or patients among them; None where none are known."""

    metrics: dict[str, Metric]
    """`METRICS`, on the same measured images at every point."""

    seconds: float | None
    """What training and measuring took; None where it was not measured."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "fraction": self.fraction,
            "seed": self.seed,
            "n": self.n,
            "counts": self.counts,
            "groups": self.groups,
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The point that `to_json` wrote."""
        metrics = {name: Metric.from_json(metric) for name, metric in fields["metrics"].items()}
        return cls(**{**fields, "metrics": metrics})


@dataclass(frozen=True)
class CurveStep:
    """All draws of one fraction."""

    fraction: float
    n: int
    """Median number of training images."""

    smallest: int
    """Fewest training images of a draw."""

    largest: int
    """Most training images of a draw."""

    seeds: int
    metrics: dict[str, Metric]
    """Median over the seeds; `low` and `high` are the lowest and the highest seed, no confidence interval."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        metrics = {name: metric.to_json() for name, metric in self.metrics.items()}
        return {"fraction": self.fraction, "n": self.n, "seeds": self.seeds, "metrics": metrics}


@dataclass(frozen=True)
class LearningCurve:
    """The points, and the median and range of the seeds at each fraction."""

    points: tuple[CurvePoint, ...]
    """Sorted by fraction, then by seed."""

    n_train: int
    """All training images."""

    n: int
    """Images that every point was measured on."""

    positive: str | None

    @property
    def steps(self) -> tuple[CurveStep, ...]:
        """One for each fraction, ascending."""
        fractions = sorted({point.fraction for point in self.points})
        return tuple(_step([point for point in self.points if point.fraction == value]) for value in fractions)

    @property
    def by_group(self) -> bool:
        """Whether whole slides or patients were drawn."""
        return any(point.groups is not None for point in self.points)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, no NaN."""
        return {
            "n_train": self.n_train,
            "n": self.n,
            "positive": self.positive,
            "decision": "likeliest class",
            "band": "lowest and highest seed",
            "steps": [step.to_json() for step in self.steps],
            "points": [point.to_json() for point in self.points],
        }


def learning_curve(points: Sequence[CurvePoint], *, n_train: int, n: int, positive: str | None) -> LearningCurve:
    """Put points in order.

    Raises:
        EvaluationError: There are none.
    """
    if not points:
        raise EvaluationError("a learning curve needs at least one point")
    ordered = sorted(points, key=lambda point: (point.fraction, point.seed))
    return LearningCurve(tuple(ordered), n_train, n, positive)


def point_metrics(predictions: Predictions) -> dict[str, Metric]:
    """`METRICS` of one model, each by the likeliest class or by the order of the scores, whatever its threshold.

    The intervals (DeLong, Clopper–Pearson) are of the measured images; what the draw of the training images adds is
    the range over the seeds.
    """
    if predictions.binary:
        area = auc_metric(predictions.truths, predictions.scores)
    else:
        value = macro_auc(predictions.labels, predictions.probabilities)
        n = len(predictions)
        unknown = Metric.undefined("a class has no sample", n)
        area = unknown if np.isnan(value) else Metric(value, None, None, "no interval", n)
    decided = predictions.decisions(LIKELIEST if predictions.binary else None).classes
    right = int((decided == predictions.labels).sum())
    return {"auc": area, "accuracy": rate(right, len(predictions), "no sample")}


def write_curve(curve: LearningCurve, path: Path) -> None:
    """Write the points as CSV, a row a point; an undefined figure is empty.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    head = ["fraction", "seed", "n", "groups", *(f"{name}{end}" for name in METRICS for end in ("", "_low", "_high"))]
    rows = ([point.fraction, point.seed, point.n, point.groups, *_ends(point), point.seconds] for point in curve.points)
    write_csv(path, [*head, "seconds"], rows)


def _ends(point: CurvePoint) -> list[float | None]:
    """Each figure with the ends of its interval."""
    figures = [point.metrics[name] for name in METRICS]
    return [end for metric in figures for end in (metric.value, metric.low, metric.high)]


def _step(points: Sequence[CurvePoint]) -> CurveStep:
    sizes = [point.n for point in points]
    metrics = {name: _over_seeds([point.metrics[name] for point in points]) for name in METRICS}
    return CurveStep(points[0].fraction, int(np.median(sizes)), min(sizes), max(sizes), len(points), metrics)


def _over_seeds(metrics: Sequence[Metric]) -> Metric:
    values = [metric.value for metric in metrics if metric.value is not None]
    if len(values) < len(metrics):
        return Metric.undefined("a class has no sample", metrics[0].n)
    method = f"lowest and highest of {plural(len(values), 'seed')}" if len(values) > 1 else "one seed"
    low, high = (min(values), max(values)) if len(values) > 1 else (None, None)
    return Metric(float(np.median(values)), low, high, method, metrics[0].n)
