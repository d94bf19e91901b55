"""Baselines and models on the same images, in one table: their figures, and what a model adds to the best baseline.

Every model decides for its likeliest class, whatever operating threshold it carries: a threshold that was chosen for
sensitivity gives up accuracy on purpose, and accuracies at different rules can't be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sentinode.core.csv_output import write_csv
from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric
from sentinode.metrics.comparison import compare
from sentinode.metrics.measures.binary import binary_measures
from sentinode.metrics.measures.intervals import Resampling, percentile_interval, wider
from sentinode.metrics.measures.multiclass import multiclass_measures
from sentinode.metrics.measures.rates import through_rate
from sentinode.metrics.metric_table import f1_of_overlap
from sentinode.metrics.predictions import LIKELIEST, Predictions

_FIGURES = ("auc", "accuracy", "balanced_accuracy")


@dataclass(frozen=True)
class Cost:
    """What a model costs, by the clock of the machine that made the table; None where it was not measured."""

    training_seconds: float | None = None
    """Tuning and fitting; for a model on features without making these."""

    seconds_per_thousand: float | None = None
    """Prediction of a thousand images, from pixels to probabilities."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One model's answers, and what is known of it."""

    name: str
    kind: Literal["baseline", "bundle"]
    about: str
    """What it is, in a few words: features, classifier and the parameters that tuning chose."""

    predictions: Predictions
    """On the images that the table is about."""

    validation_auc: float | None = None
    """AUC (macro for more than two classes) on images that it neither learned from nor is measured on."""

    cost: Cost = Cost()


@dataclass(frozen=True)
class Uplift:
    """A model less the strongest baseline, on the same images."""

    differences: dict[str, Metric]
    """`auc` (macro for more than two classes) and `accuracy`, with paired intervals."""

    p_value: float | None
    """DeLong's paired test of the AUCs; None for more than two classes, or where it is undefined."""


@dataclass(frozen=True)
class ModelRow:
    """One line of the table."""

    name: str
    kind: Literal["baseline", "bundle"]
    about: str
    metrics: dict[str, Metric]
    """`auc` (macro for more than two classes), `accuracy`, `balanced_accuracy` and `f1` (the mean over classes)."""

    class_f1: dict[str, Metric]
    """F1 of each class against the rest, by its name."""

    validation_auc: float | None
    cost: Cost
    uplift: Uplift | None
    """Gain of a bundle over the baselines; None for a baseline."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, no NaN."""
        uplift = self.uplift
        return {
            "name": self.name,
            "kind": self.kind,
            "about": self.about,
            "metrics": _json(self.metrics),
            "class_f1": _json(self.class_f1),
            "validation_auc": self.validation_auc,
            "training_seconds": self.cost.training_seconds,
            "seconds_per_thousand_images": self.cost.seconds_per_thousand,
            "uplift": None if uplift is None else {**_json(uplift.differences), "p_value": uplift.p_value},
        }


@dataclass(frozen=True)
class ModelTable:
    """Every model on the same images."""

    rows: tuple[ModelRow, ...]
    """Baselines first, the best on validation first among them; then bundles, as they were named."""

    strongest: str
    """Name of the baseline with the highest AUC on validation, which uplifts are taken over."""

    n: int
    counts: dict[str, int]
    """Class name → images."""

    groups: int | None
    """Slides or patients, or None where none is known."""

    positive: str | None

    @property
    def baselines(self) -> tuple[ModelRow, ...]:
        """The baselines' rows."""
        return tuple(row for row in self.rows if row.kind == "baseline")

    @property
    def bundles(self) -> tuple[ModelRow, ...]:
        """The bundles' rows."""
        return tuple(row for row in self.rows if row.kind == "bundle")

    def row(self, name: str) -> ModelRow:
        """The row of that name."""
        return next(row for row in self.rows if row.name == name)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, no NaN."""
        return {
            "n": self.n,
            "counts": self.counts,
            "groups": self.groups,
            "positive": self.positive,
            "decision": "likeliest class",
            "strongest_baseline": {"name": self.strongest, "chosen_by": "auc", "chosen_on": "validation"},
            "models": [row.to_json() for row in self.rows],
        }


def tabulate(candidates: Sequence[Candidate], *, resamples: int = 1000, seed: int = 42) -> ModelTable:
    """Measure every candidate, and every bundle against the baseline that was strongest on validation.

    Args:
        candidates: At least one baseline with an AUC on validation; the samples of all are the same.
        resamples: Bootstrap resamples, of whole groups where groups are known.
        seed: Seed of the bootstrap.

    Raises:
        EvaluationError: There is no baseline, a name comes twice, or the samples or classes differ.
    """
    names = [candidate.name for candidate in candidates]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise EvaluationError(f"two models are called {twice[0]!r}; a table needs a name for each")
    baselines = _by_validation([candidate for candidate in candidates if candidate.kind == "baseline"])
    bundles = [candidate for candidate in candidates if candidate.kind == "bundle"]
    strongest, first = baselines[0], baselines[0].predictions
    uplifts = _uplifts(strongest, bundles, resamples, seed)
    ordered = [*baselines, *bundles]
    return ModelTable(
        rows=tuple(_row(candidate, uplifts.get(candidate.name), resamples, seed) for candidate in ordered),
        strongest=strongest.name,
        n=len(first),
        counts={name: int((first.labels == place).sum()) for place, name in enumerate(first.class_names)},
        groups=None if first.groups is None else len(set(first.groups)),
        positive=None if first.positive is None else first.class_names[first.positive],
    )


def _by_validation(baselines: Sequence[Candidate]) -> list[Candidate]:
    """The best on validation first; of equals, the one that was named first."""
    unknown = [candidate.name for candidate in baselines if candidate.validation_auc is None]
    if unknown or not baselines:
        found = f"{unknown[0]} has no AUC on validation" if unknown else "there is no baseline"
        raise EvaluationError(f"{found}, so nothing says which baseline is the strongest; validation needs every class")
    return sorted(baselines, key=lambda candidate: -(candidate.validation_auc or 0.0))


def write_table(table: ModelTable, path: Path) -> None:
    """Write the table as CSV, a row a model; an undefined figure is empty.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    rows = [_cells(row) for row in table.rows]
    write_csv(path, rows[0], ([row[name] for name in rows[0]] for row in rows))


def _cells(row: ModelRow) -> dict[str, Any]:
    figures = {**row.metrics, **{f"f1_{name}": metric for name, metric in row.class_f1.items()}}
    differences = {} if row.uplift is None else row.uplift.differences
    nothing = Metric.undefined("a baseline")
    figures |= {f"uplift_{name}": differences.get(name, nothing) for name in ("auc", "accuracy")}
    cells: dict[str, Any] = {"model": row.name, "kind": row.kind, "validation_auc": row.validation_auc}
    for name, metric in figures.items():
        cells |= {name: metric.value, f"{name}_low": metric.low, f"{name}_high": metric.high}
    return cells | {
        "training_seconds": row.cost.training_seconds,
        "seconds_per_thousand_images": row.cost.seconds_per_thousand,
        "about": row.about,
    }


def _row(candidate: Candidate, uplift: Uplift | None, resamples: int, seed: int) -> ModelRow:
    predictions = candidate.predictions
    resampling = Resampling(predictions.labels, predictions.group_codes, resamples, seed)
    if predictions.binary:
        _, measured = binary_measures(predictions, LIKELIEST, resampling)
    else:
        measured = multiclass_measures(predictions, resampling).metrics
    macro, by_class = _f1(predictions, resampling)
    metrics = {name: measured[name] for name in _FIGURES} | {"f1": macro}
    return ModelRow(
        candidate.name,
        candidate.kind,
        candidate.about,
        metrics,
        by_class,
        candidate.validation_auc,
        candidate.cost,
        uplift,
    )


def _f1(predictions: Predictions, resampling: Resampling) -> tuple[Metric, dict[str, Metric]]:
    """F1 = 2 tp / (samples of the class + samples called so), its mean over the classes, and that of each."""
    classes = np.arange(len(predictions.class_names))
    decided = predictions.decisions(LIKELIEST if predictions.binary else None).classes
    true, called = predictions.labels[:, None] == classes, decided[:, None] == classes
    twice, both = 2.0 * (true & called), true.astype(np.float64) + called  # (N, K)
    estimate = _divide(twice.sum(axis=0), both.sum(axis=0))
    drawn = np.concatenate([_divide(weights @ twice, weights @ both) for weights in resampling.batches()])  # (B, K)
    n = len(predictions)

    def metric(value: float, resampled: NDArray[np.float64], empty: str) -> Metric:
        return Metric.undefined(empty, n) if np.isnan(value) else percentile_interval(value, resampled, resampling, n=n)

    either = (true | called).sum(axis=0)
    by_class = {}
    for k, name in enumerate(predictions.class_names):
        hits, empty = int((true & called)[:, k].sum()), f"no sample of {name}, and none called so"
        exact = through_rate(hits, int(either[k]), f1_of_overlap, empty, n=n)
        grouped = resampling.by_group and exact.value is not None
        by_class[name] = wider(metric(float(estimate[k]), drawn[:, k], empty), exact) if grouped else exact
    return metric(float(estimate.mean()), drawn.mean(axis=1), "a class has no sample and is never predicted"), by_class


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0))


def _uplifts(strongest: Candidate, bundles: Sequence[Candidate], resamples: int, seed: int) -> dict[str, Uplift]:
    if not bundles:
        return {}
    threshold = LIKELIEST if strongest.predictions.binary else None
    models = [(candidate.name, candidate.predictions, threshold) for candidate in (strongest, *bundles)]
    return {
        comparison.name_b: Uplift(
            {name: comparison.differences[name] for name in ("auc", "accuracy")}, comparison.p_value
        )
        for comparison in compare(models, resamples=resamples, seed=seed)
    }


def _json(metrics: dict[str, Metric]) -> dict[str, Any]:
    return {name: metric.to_json() for name, metric in metrics.items()}
