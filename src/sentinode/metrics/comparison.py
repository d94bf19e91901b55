"""Several models on the same test set: paired differences with intervals, and DeLong's paired test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.measures.auc_interval import auc_difference, auc_metric
from sentinode.metrics.measures.intervals import Resampling, percentile_interval, rate, wider
from sentinode.metrics.measures.multiclass import macro_auc
from sentinode.metrics.measures.paired_rate import paired_difference
from sentinode.metrics.measures.ranking import Ranking
from sentinode.metrics.predictions import Predictions


@dataclass(frozen=True)
class Comparison:
    """`b` minus `a`, each on the same samples."""

    name_a: str
    """Name of the first model, the one to beat."""

    name_b: str
    """Name of the second."""

    n: int
    """Samples."""

    groups: int | None
    """Number of groups, or None where none is known."""

    metrics_a: dict[str, Metric]
    """Figures of the first: `auc` (macro for more than two classes), `accuracy`; for two classes `sensitivity` and
    `specificity` too, each model at its own threshold."""

    metrics_b: dict[str, Metric]
    """Figures of the second."""

    differences: dict[str, Metric]
    """b − a for each of these, with a paired interval."""

    p_value: float | None
    """Two-sided p of DeLong's paired test of the AUCs, which takes samples as independent; None for more than two
    classes and where it is undefined. With groups, go by the interval of the difference."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, no NaN."""
        figures = {"metrics_a": self.metrics_a, "metrics_b": self.metrics_b, "differences": self.differences}
        return {
            "a": self.name_a,
            "b": self.name_b,
            "n": self.n,
            "groups": self.groups,
            **{key: {name: metric.to_json() for name, metric in part.items()} for key, part in figures.items()},
            "p_value": self.p_value,
        }


def compare(
    models: Sequence[tuple[str, Predictions, float | None]], *, resamples: int = 1000, seed: int = 42
) -> tuple[Comparison, ...]:
    """Compare every later model with the first.

    Args:
        models: Name, predictions and threshold (None for more than two classes) of each model. The samples may come in
            another order; ids tell which is which.
        resamples: Bootstrap resamples, of whole groups where groups are known.
        seed: Seed of the bootstrap.

    Raises:
        EvaluationError: There are fewer than two models, or samples, labels, groups or classes differ between them.
    """
    if len(models) < 2:
        raise EvaluationError(f"{len(models)} model to compare; name at least two")
    name_a, first, threshold_a = models[0]
    a = _Model(first, threshold_a)
    return tuple(
        _compared(name_a, a, name_b, _Model(_aligned(name_a, first, name_b, other), threshold_b), resamples, seed)
        for name_b, other, threshold_b in models[1:]
    )


class _Model:
    """One model's answers, ready to be resampled."""

    def __init__(self, predictions: Predictions, threshold: float | None) -> None:
        self.predictions = predictions
        self.right = (predictions.decisions(threshold).classes == predictions.labels).astype(np.float64)
        if predictions.binary:
            self._rankings = [Ranking(predictions.truths, predictions.scores)]
        else:
            columns = enumerate(predictions.probabilities.T)
            self._rankings = [Ranking(predictions.labels == index, column) for index, column in columns]

    def auc(self, weights: NDArray[np.float64]) -> float:
        """AUC, or macro AUC, of one resample."""
        return float(np.mean([ranking.auc(weights) for ranking in self._rankings]))

    def metrics(self) -> dict[str, Metric]:
        """Figures with intervals for independent samples; differences are what is paired and grouped."""
        p = self.predictions
        metrics = {"auc": auc_metric(p.truths, p.scores) if p.binary else _macro_auc(p)}
        for name, members in _members(p).items():
            metrics[name] = rate(int(self.right[members].sum()), int(members.sum()), f"no sample for {name}")
        return metrics


def _compared(name_a: str, a: _Model, name_b: str, b: _Model, resamples: int, seed: int) -> Comparison:
    predictions = a.predictions
    resampling = Resampling(predictions.labels, predictions.group_codes, resamples, seed)
    metrics_a, metrics_b = a.metrics(), b.metrics()
    drawn = _drawn_differences(a, b, resampling)
    differences = {
        name: _rate_difference(a, b, name, inside, drawn[name], resampling)
        for name, inside in _members(predictions).items()
    }
    area, p_value = _auc_difference(a, b, metrics_a["auc"], metrics_b["auc"], drawn["auc"], resampling)
    return Comparison(
        name_a,
        name_b,
        len(predictions),
        resampling.group_count,
        metrics_a,
        metrics_b,
        {"auc": area, **differences},
        p_value,
    )


def _rate_difference(
    a: _Model,
    b: _Model,
    name: str,
    inside: NDArray[np.bool_],
    drawn: NDArray[np.float64],
    resampling: Resampling,
) -> Metric:
    exact = paired_difference(a.right[inside] > 0, b.right[inside] > 0, f"no sample for {name}")
    if exact.value is None or not resampling.by_group:
        return exact
    return wider(percentile_interval(exact.value, drawn, resampling, n=int(inside.sum())), exact)


def _auc_difference(
    a: _Model, b: _Model, first: Metric, second: Metric, drawn: NDArray[np.float64], resampling: Resampling
) -> tuple[Metric, float | None]:
    if first.value is None or second.value is None:
        return Metric.undefined(first.method.removeprefix("undefined: "), first.n), None
    n = len(a.predictions)
    if not a.predictions.binary:
        return percentile_interval(second.value - first.value, drawn, resampling, n=n), None
    exact, p_value = auc_difference(a.predictions.truths, a.predictions.scores, b.predictions.scores)
    if not resampling.by_group:
        return exact, p_value
    return wider(percentile_interval(second.value - first.value, drawn, resampling, n=n), exact), p_value


def _drawn_differences(a: _Model, b: _Model, resampling: Resampling) -> dict[str, NDArray[np.float64]]:
    """b − a in every resample, the same resample for both: that is what makes the interval paired."""
    members = _members(a.predictions)
    aucs: list[float] = []
    rates: dict[str, list[NDArray[np.float64]]] = {name: [] for name in members}
    # Without groups the AUCs of two classes and rates have exact intervals; resampling the former would cost time.
    needed = resampling.by_group or not a.predictions.binary
    for weights in resampling.batches():
        aucs += [b.auc(row) - a.auc(row) if needed else np.nan for row in weights]
        for name, inside in members.items():
            counts = weights[:, inside]
            with np.errstate(invalid="ignore"):
                rates[name].append(counts @ (b.right - a.right)[inside] / counts.sum(axis=1))
    return {"auc": np.array(aucs)} | {name: np.concatenate(parts) for name, parts in rates.items()}


def _members(predictions: Predictions) -> Mapping[str, NDArray[np.bool_]]:
    """The samples that each rate is about."""
    everything = {"accuracy": np.ones(len(predictions), dtype=bool)}
    if not predictions.binary:
        return everything
    positive = predictions.truths == 1
    return {"sensitivity": positive, "specificity": ~positive, **everything}


def _macro_auc(predictions: Predictions) -> Metric:
    value = macro_auc(predictions.labels, predictions.probabilities)
    if np.isnan(value):
        return Metric.undefined("a class has no sample", len(predictions))
    return Metric(value, None, None, "no interval: see that of the difference", len(predictions))


def _aligned(name_a: str, a: Predictions, name_b: str, b: Predictions) -> Predictions:
    """`b` in the order of `a`, after checking that both are about the same samples."""
    if a.class_names != b.class_names or a.positive != b.positive:
        message = (
            f"{name_a} has classes {list(a.class_names)}, {name_b} {list(b.class_names)}; compare models of one task"
        )
        raise EvaluationError(message)
    row = {sample: index for index, sample in enumerate(b.ids)}
    missing = [sample for sample in a.ids if sample not in row]
    if missing or len(a) != len(b):
        message = f"{name_a} has {plural(len(a), 'sample')}, {name_b} {len(b)}, {len(missing)} are in the first alone"
        raise EvaluationError(f"{message}; evaluate both on the same split")
    order = [row[sample] for sample in a.ids]
    if (b.labels[order] != a.labels).any():
        first = a.ids[int((b.labels[order] != a.labels).argmax())]
        raise EvaluationError(
            f"{name_a} and {name_b} have different labels for {first}; evaluate both on the same data"
        )
    groups = None if b.groups is None else [b.groups[index] for index in order]
    if groups != a.groups:
        raise EvaluationError(f"{name_a} and {name_b} have different groups; evaluate both on the same data")
    paths = [b.paths[index] for index in order]
    return Predictions(a.ids, paths, b.labels[order], b.probabilities[order], b.class_names, b.positive, groups)
