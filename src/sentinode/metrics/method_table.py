"""Several methods on the same slides, side by side: each one's figures, paired differences, and figures by part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.comparison import compare
from sentinode.metrics.crossval.crossval_auc import auc_metrics
from sentinode.metrics.crossval.crossval_rates import decision_rates, probability_losses
from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.crossval.paired_auc import paired_auc
from sentinode.metrics.crossval.permutation import PermutationTest, permute_finished
from sentinode.metrics.measures.auc_interval import auc_difference, auc_metric
from sentinode.metrics.measures.binary import binary_measures
from sentinode.metrics.measures.calibration_error import calibration_error
from sentinode.metrics.measures.intervals import Resampling, clopper_pearson
from sentinode.metrics.predictions import Predictions

FIGURES = ("auc", "sensitivity", "specificity", "log_loss", "calibration_error")
"""What every row has, in the order in which they are shown."""

Kind = Literal["method", "choice", "reference"]


@dataclass(frozen=True)
class MethodRow:
    """One method's figures."""

    name: str
    kind: Kind
    """`choice`: in each fold the method that was best inside it. `reference`: a patch model, which learned nothing
    from these slides' labels."""
    metrics: dict[str, Metric]
    """`FIGURES`; rates at a threshold that was chosen on other slides."""
    differences: dict[str, Metric]
    """Name of another method → AUC less that one's, paired."""
    permutation: PermutationTest | None = None
    parts: dict[str, dict[str, Metric]] = field(default_factory=dict)
    """SlidePart → `auc`, `sensitivity`, and `gain`: AUC less that of the first of `against`."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, no NaN."""
        return {
            "name": self.name,
            "kind": self.kind,
            "metrics": _json(self.metrics),
            "differences": _json(self.differences),
            "permutation": None if self.permutation is None else self.permutation.to_json(),
            "parts": {name: _json(metrics) for name, metrics in self.parts.items()},
        }


@dataclass(frozen=True)
class SlidePart:
    """Some of the slides, such as those with small lesions and those without any."""

    name: str
    members: NDArray[np.bool_]
    """(N,)"""
    tumour: int
    """Members with tumour."""


@dataclass(frozen=True)
class MethodTable:
    """All rows, on the same slides."""

    rows: tuple[MethodRow, ...]
    n: int
    counts: dict[str, int]
    """Class name → slides."""
    patients: int | None
    """Number of patients, or None where none is known."""
    parts: dict[str, int]
    """Name of a part → its slides with tumour."""

    def row(self, name: str) -> MethodRow:
        """The row of that name."""
        return next(row for row in self.rows if row.name == name)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, no NaN."""
        about = {"n": self.n, "counts": self.counts, "patients": self.patients, "parts": self.parts}
        return {**about, "methods": [row.to_json() for row in self.rows]}


def crossval_table(
    answers: Mapping[str, tuple[Kind, FoldAnswers]],
    against: Sequence[str],
    *,
    parts: Sequence[SlidePart] = (),
    permutations: int = 0,
    seed: int = 42,
) -> MethodTable:
    """Measure out-of-fold answers.

    Args:
        answers: Name → kind and answers, all of two classes and in the same folds.
        against: Methods that every other one is held against; those that are not among the answers are left out.
        parts: Parts of the slides to be measured by themselves.
        permutations: Shufflings of each method's permutation test.
        seed: Of bootstraps and shufflings.
    """
    first = next(iter(answers.values()))[1]
    resampling = Resampling(first.labels, first.mean().group_codes, seed=seed)
    rows = []
    for name, (kind, found) in answers.items():
        differences = {
            other: paired_auc(answers[other][1], found, resampling)
            for other in against
            if other in answers and other != name
        }
        test = permute_finished(found, permutations, seed) if permutations else None
        own = _part_metrics(_of_folds(found), _base(answers, against), parts)
        rows.append(MethodRow(name, kind, _crossval_metrics(found, resampling), differences, test, own))
    return _table(rows, first.mean(), parts)


def held_out_table(
    answers: Mapping[str, tuple[Kind, Predictions, float]],
    against: Sequence[str],
    *,
    parts: Sequence[SlidePart] = (),
    seed: int = 42,
) -> MethodTable:
    """Measure answers to slides that were seen once.

    Args:
        answers: Name → kind, predictions of two classes, and the threshold frozen beforehand.
        against: As for `crossval_table`.
        parts: As there.
        seed: Of the bootstraps.
    """
    first = next(iter(answers.values()))[1]
    resampling = Resampling(first.labels, first.group_codes, seed=seed)
    rows = []
    for name, (kind, found, threshold) in answers.items():
        _, measured = binary_measures(found, threshold, resampling)
        differences = {
            other: compare([(other, *answers[other][1:]), (name, found, threshold)], seed=seed)[0].differences["auc"]
            for other in against
            if other in answers and other != name
        }
        base = next((_of_predictions(*answers[other][1:]) for other in against if other in answers), None)
        own = _part_metrics(_of_predictions(found, threshold), base, parts)
        rows.append(MethodRow(name, kind, {key: measured[key] for key in FIGURES}, differences, None, own))
    return _table(rows, first, parts)


@dataclass(frozen=True, eq=False)
class _Scored:
    """Answers to N slides in R repeats."""

    truths: NDArray[np.int64]
    scores: NDArray[np.float64]
    """(R, N)"""
    called: NDArray[np.bool_]
    """(R, N): whether positive, at a threshold from elsewhere."""


def _of_folds(answers: FoldAnswers) -> _Scored:
    truths = (answers.labels == answers.positive).astype(np.int64)
    return _Scored(truths, answers.probabilities[:, :, answers.positive], answers.decided() == answers.positive)


def _of_predictions(predictions: Predictions, threshold: float) -> _Scored:
    return _Scored(predictions.truths, predictions.scores[None], predictions.scores[None] >= threshold)


def _base(answers: Mapping[str, tuple[Kind, FoldAnswers]], against: Sequence[str]) -> _Scored | None:
    return next((_of_folds(answers[other][1]) for other in against if other in answers), None)


def _crossval_metrics(answers: FoldAnswers, resampling: Resampling) -> dict[str, Metric]:
    mean = answers.mean()
    measured = auc_metrics(answers, resampling) | decision_rates(answers, resampling)
    measured |= probability_losses(answers, resampling)
    # Of the first repeat, each slide by one model: the mean of several is calibrated otherwise than any of them.
    once = answers.repeat(0)
    measured["calibration_error"] = calibration_error(once.scores, mean.truths, resampling)
    return {name: measured[name] for name in FIGURES}


def _part_metrics(own: _Scored, base: _Scored | None, parts: Sequence[SlidePart]) -> dict[str, dict[str, Metric]]:
    return {part.name: _of_part(own, base, part.members) for part in parts}


def _of_part(own: _Scored, base: _Scored | None, members: NDArray[np.bool_]) -> dict[str, Metric]:
    truths = own.truths[members]
    positive = members & (own.truths == 1)
    found = {
        "auc": _averaged([auc_metric(truths, row[members]) for row in own.scores]),
        "sensitivity": _mean_rate(own.called[:, positive]),
    }
    if base is not None:
        pairs = zip(base.scores, own.scores, strict=True)
        found["gain"] = _averaged([auc_difference(truths, a[members], b[members])[0] for a, b in pairs])
    return found


def _averaged(each: Sequence[Metric]) -> Metric:
    """Of several repeats: the mean, and the mean of the ends, which is neither wider nor narrower than a usual one."""
    if len(each) == 1:
        return each[0]
    values = [metric.value for metric in each if metric.value is not None]
    if len(values) < len(each):
        return each[0]
    lows = [metric.low for metric in each if metric.low is not None]
    highs = [metric.high for metric in each if metric.high is not None]
    if not len(lows) == len(highs) == len(each):
        return Metric(float(np.mean(values)), None, None, "no interval in a repeat", each[0].n)
    method = f"{each[0].method}, ends averaged over the repeats"
    return Metric(float(np.mean(values)), float(np.mean(lows)), float(np.mean(highs)), method, each[0].n)


def _mean_rate(called: NDArray[np.bool_]) -> Metric:
    """(R, n) → the share that was called, with the exact interval at the mean count over the repeats."""
    n = called.shape[1]
    if not n:
        return Metric.undefined("no positive sample", 0)
    k = float(called.mean(axis=0).sum())
    low, high = clopper_pearson(k, n)
    return Metric(k / n, float(low), float(high), "Clopper–Pearson at the mean count over the repeats", n)


def _table(rows: Sequence[MethodRow], predictions: Predictions, parts: Sequence[SlidePart]) -> MethodTable:
    counts = np.bincount(predictions.labels, minlength=len(predictions.class_names)).tolist()
    return MethodTable(
        tuple(rows),
        len(predictions),
        dict(zip(predictions.class_names, counts, strict=True)),
        None if predictions.groups is None else len(set(predictions.groups)),
        {part.name: part.tumour for part in parts},
    )


def _json(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    return {name: metric.to_json() for name, metric in metrics.items()}
