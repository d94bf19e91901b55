"""The operating threshold: chosen on validation under a named rule (see `rules`), then frozen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinode.core.decision import OperatingPoint
from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.decisions.rules import Rule, parse_rule
from sentinode.metrics.measures.intervals import FEW_GROUPS, clopper_pearson_lower, rate
from sentinode.metrics.measures.ranking import Ranking
from sentinode.metrics.measures.rates import confusion_matrix

# Rounding in a share must not decide: 0.95 of 20 is 19, whatever binary makes of it.
_TOLERANCE = 1e-12
_TABLE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True)
class ThresholdRow:
    """One line of the threshold table: what the assessed set gives at another threshold. For reading, not choosing."""

    threshold: float
    """A sample is positive when its score >= this."""

    confusion_matrix: tuple[tuple[int, int], tuple[int, int]]
    """((tn, fp), (fn, tp)) at this threshold."""

    sensitivity: Metric
    """tp / (tp + fn), Clopper–Pearson."""

    specificity: Metric
    """tn / (tn + fp), Clopper–Pearson."""

    precision: Metric
    """tp / (tp + fp), Clopper–Pearson."""

    npv: Metric
    """tn / (tn + fn), Clopper–Pearson."""

    operating: bool
    """Whether this is the frozen operating threshold."""


def choose_threshold(
    truths: ArrayLike,
    scores: ArrayLike,
    rule: str,
    groups: Sequence[str] | None = None,
    *,
    split: str = "validation",
    resamples: int = 1000,
    seed: int = 42,
) -> OperatingPoint:
    """The threshold that `rule` picks: for a rate the one that gives most of the other rate.

    A bound (`@lower95`) is exact for independent samples: the threshold is an order statistic, so its bound is Wilks'
    tolerance limit (1941). With at least two groups the rate also has to hold in 95 % of the bootstrap resamples over
    groups: new slides differ by more than new patches of the same slides do. The stricter of the two decides.

    Args:
        truths: 1 for positive and 0 for negative samples (N).
        scores: Probability of the positive class (N).
        rule: See `rules`.
        groups: Slide or patient of each sample (N); used by bounds only.
        split: Name of the split that these samples are.
        resamples: Resamples over groups.
        seed: Seed of these.

    Raises:
        EvaluationError: The rule is unknown or can't be met, a class is missing, or lengths differ.
    """
    parsed = parse_rule(rule)
    y, s = np.asarray(truths, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1 or (groups is not None and len(groups) != len(y)):
        message = (
            f"{y.shape} labels, {s.shape} scores and {'no' if groups is None else len(groups)} groups do not match"
        )
        raise EvaluationError(message)
    if not ((s >= 0) & (s <= 1)).all():
        raise EvaluationError("scores for a threshold have to be probabilities, in [0, 1]; some are not")
    if len(np.unique(y)) < 2:
        message = f"{int(y.sum())} of {len(y)} {split} samples are positive; a threshold needs both classes there"
        raise EvaluationError(message)
    method = ""
    if parsed.kind in ("youden", "f1"):
        value = _best(y, s, parsed)
    else:
        value, method = _reaching(y, s, parsed, groups, resamples, seed)
    (tn, fp), (fn, tp) = confusion_matrix(y, s, value)
    return OperatingPoint(
        value=value,
        rule=parsed.text,
        split=split,
        n=len(y),
        positives=tp + fn,
        sensitivity=rate(tp, tp + fn, "no positive sample"),
        specificity=rate(tn, tn + fp, "no negative sample"),
        method=method,
    )


def threshold_table(truths: ArrayLike, scores: ArrayLike, operating: float) -> tuple[ThresholdRow, ...]:
    """What round thresholds and the operating one give on this set, ascending."""
    rows = []
    for threshold in sorted({*_TABLE, operating}):
        matrix = confusion_matrix(truths, scores, threshold)
        (tn, fp), (fn, tp) = matrix
        rows.append(
            ThresholdRow(
                threshold,
                matrix,
                sensitivity=rate(tp, tp + fn, "no positive sample"),
                specificity=rate(tn, tn + fp, "no negative sample"),
                precision=rate(tp, tp + fp, "no positive prediction"),
                npv=rate(tn, tn + fn, "no negative prediction"),
                operating=threshold == operating,
            )
        )
    return tuple(rows)


def _best(y: NDArray[np.int64], s: NDArray[np.float64], rule: Rule) -> float:
    """The cut with the largest Youden index or F1; of equals the lowest, because a miss costs more than an alarm."""
    ranking = Ranking(y, s)
    positive, negative = ranking.counts()
    # Cut i calls the distinct scores from i on positive; the last one calls nothing.
    tp = positive.sum() - np.concatenate([[0.0], np.cumsum(positive)])
    fp = negative.sum() - np.concatenate([[0.0], np.cumsum(negative)])
    youden, f1 = tp / positive.sum() - fp / negative.sum(), 2 * tp / (tp + fp + positive.sum())
    gain = youden if rule.kind == "youden" else f1
    return _cut(ranking.values, int(np.flatnonzero(gain >= gain.max() - _TOLERANCE)[0]))


def _reaching(
    y: NDArray[np.int64],
    s: NDArray[np.float64],
    rule: Rule,
    groups: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> tuple[float, str]:
    """The threshold at which the rule's rate or its bound reaches the aim, and how, in words."""
    # Seen from the negatives the score runs the other way, and the same search holds the specificity.
    sign = 1.0 if rule.kind == "sensitivity" else -1.0
    own = y == (1 if rule.kind == "sensitivity" else 0)
    values = np.sort(sign * s[own])[::-1]
    needed, method = _needed(len(values), rule)
    reached = values[needed - 1]
    if rule.confidence is not None and groups is not None:
        codes = np.unique(np.asarray(groups, dtype=str)[own], return_inverse=True)[1]
        count = int(codes.max()) + 1
        if count > 1:
            reached = min(reached, _reached_by_groups(sign * s[own], codes, rule, resamples, seed))
            method += f", and in {rule.confidence:.4g} of {resamples} bootstrap resamples over {plural(count, 'group')}"
            method += " (too few groups for a bound that can be trusted)" if count < FEW_GROUPS else ""
    distinct = np.unique(s)
    index = int(np.searchsorted(distinct, sign * reached))
    return _cut(distinct, index if sign > 0 else index + 1), method


def _needed(n: int, rule: Rule) -> tuple[int, str]:
    """How many of the `n` samples have to be on the right side."""
    counts = np.arange(n + 1)
    if rule.confidence is None:
        enough = counts / n >= rule.aim - _TOLERANCE
        return int(enough.argmax()), f"estimate at least {rule.aim:g}"
    bounds = clopper_pearson_lower(counts, n, rule.confidence)
    enough = bounds >= rule.aim - _TOLERANCE
    if not enough.any():
        # With all n right the bound is (1 - confidence)^(1 / n).
        least = int(np.ceil(np.log(1 - rule.confidence) / np.log(rule.aim)))
        which = "positive" if rule.kind == "sensitivity" else "negative"
        message = (
            f"threshold rule {rule.text!r} can't be met: with {n} {which} samples the lower bound of the {rule.kind} is"
            f" at most {bounds[-1]:.3f}; it takes at least {least}, so use more data, a lower level, or"
            f" '{rule.kind}>={rule.level:g}'"
        )
        raise EvaluationError(message)
    needed = int(enough.argmax())
    return needed, f"exact lower bound {bounds[needed]:.4f} with {needed} of {n}"


def _reached_by_groups(
    values: NDArray[np.float64], codes: NDArray[np.int64], rule: Rule, resamples: int, seed: int
) -> float:
    """The highest of `values` (n) at which the rate reaches the aim in the rule's share of resamples over groups.

    In each resample the aim is reached down to some value; the wanted one is a low quantile of these.
    """
    order = np.argsort(-values, kind="stable")
    values, codes = values[order], codes[order]
    count = int(codes.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    reached = np.empty(resamples)
    for index, weights in enumerate(drawn):
        above = np.cumsum(weights[codes])
        reached[index] = values[np.searchsorted(above, rule.aim * above[-1] * (1 - _TOLERANCE))]
    return float(np.quantile(reached, 1 - (rule.confidence or 0.0), method="lower"))


def _cut(distinct: NDArray[np.float64], index: int) -> float:
    """A threshold that calls `distinct[index]` and all above positive, and all below negative."""
    if index == 0:
        return float(distinct[0]) / 2
    if index == len(distinct):
        return float(np.nextafter(1.0, 2.0)) if distinct[-1] >= 1 else float((distinct[-1] + 1) / 2)
    middle = float((distinct[index - 1] + distinct[index]) / 2)
    # Neighbouring float64 have nothing between them; the upper one still parts them.
    return middle if middle > distinct[index - 1] else float(distinct[index])
