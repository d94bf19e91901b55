"""How often the intervals hold the truth: simulated samples whose figure is known.

    python benchmarks/intervals.py --repeats 1000

prints one line a case: the share of intervals that hold the truth, and their mean width. Seeded: the same again.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sentinode.core.metric import Metric
from sentinode.metrics.measures.auc_interval import auc_difference, auc_metric, delong_metric
from sentinode.metrics.measures.calibration import equal_mass_bins
from sentinode.metrics.measures.calibration_error import calibration_error
from sentinode.metrics.measures.intervals import Resampling, percentile_interval
from sentinode.metrics.measures.paired_rate import paired_difference
from sentinode.metrics.measures.precision_interval import average_precision_metric
from sentinode.metrics.measures.ranking import Ranking
from sentinode.metrics.measures.rates import derived, threshold_metrics

Floats = NDArray[np.float64]
Case = Callable[[np.random.Generator], list[tuple[Metric, float]]]
"""Draws one sample: the metrics of each method on it, each with its truth."""


def binormal(auc: float, spread: float, positives: int, negatives: int) -> Case:
    """Normal scores; `spread` is the positives' standard deviation, the negatives' is 1."""
    shift = stats.norm.ppf(auc) * np.sqrt(1 + spread**2)
    truths = np.repeat([0, 1], [negatives, positives])

    def draw(rng: np.random.Generator) -> list[tuple[Metric, float]]:
        scores = np.concatenate([rng.normal(0, 1, negatives), rng.normal(shift, spread, positives)])
        return [(auc_metric(truths, scores), auc), (delong_metric(truths, scores), auc)]

    return draw


def mixture(auc: float, positives: int, negatives: int) -> Case:
    """Positives that stand out, but for a share that looks like negatives: what a missed kind of tumour is."""
    truths = np.repeat([0, 1], [negatives, positives])

    def draw(rng: np.random.Generator) -> list[tuple[Metric, float]]:
        missed = rng.random(positives) < 2 * (1 - auc)
        found = rng.normal(np.where(missed, 0, 8), 1)
        scores = np.concatenate([rng.normal(0, 1, negatives), found])
        return [(auc_metric(truths, scores), auc), (delong_metric(truths, scores), auc)]

    return draw


def two_models(strength: float, positives: int, negatives: int) -> Case:
    """Two models of the same AUC that share half of their noise."""
    truths = np.repeat([0, 1], [negatives, positives])

    def draw(rng: np.random.Generator) -> list[tuple[Metric, float]]:
        shared = rng.normal(0, 0.7, len(truths))
        a, b = (shared + rng.normal(0, 0.7, len(truths)) + strength * truths for _ in range(2))
        at = strength / 2
        positive = truths == 1
        rates = paired_difference(a[positive] >= at, b[positive] >= at, "none")
        return [(auc_difference(truths, a, b)[0], 0.0), (rates, 0.0)]

    return draw


def calibrated(off: float, n: int, centre: float) -> Case:
    """Probabilities whose logits are `off` too low; `centre` is the mean logit."""

    def draw(rng: np.random.Generator) -> list[tuple[Metric, float]]:
        logits = rng.normal(centre, 2.5, n)
        predicted, real = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-logits - off))
        outcomes = (rng.random(n) < real).astype(np.float64)
        where = equal_mass_bins(predicted)
        shares, gaps = np.bincount(where) / n, np.bincount(where, weights=real - predicted) / np.bincount(where)
        truth = float(np.sqrt((gaps**2) @ shares))
        return [(calibration_error(predicted, outcomes, Resampling(outcomes.astype(np.int64))), truth)]

    return draw


def at_threshold(sensitivity: float, specificity: float, positives: int, negatives: int) -> Case:
    """F1 at a threshold with these rates."""
    false = negatives * (1 - specificity)
    truth = 2 * positives * sensitivity / (positives * (1 + sensitivity) + false)

    def draw(rng: np.random.Generator) -> list[tuple[Metric, float]]:
        tp, fp = rng.binomial(positives, sensitivity), rng.binomial(negatives, 1 - specificity)
        hits, alarms = rng.binomial(positives, tp / positives, 1000), rng.binomial(negatives, fp / negatives, 1000)
        drawn = derived(np.stack([negatives - alarms, alarms, positives - hits, hits], axis=1))  # resampled in classes
        resampling = Resampling(np.repeat([0, 1], [negatives, positives]))
        matrix = ((negatives - fp, fp), (positives - tp, tp))
        exact = threshold_metrics(matrix, drawn, resampling)["f1"]
        return [(exact, truth), (percentile_interval(exact.value, drawn["f1"], resampling, n=exact.n), truth)]

    return draw


def ranked(auc: float, spread: float, positives: int, negatives: int) -> Case:
    """Average precision of normal scores, as `binormal` draws them; its truth by numerical integration."""
    shift = stats.norm.ppf(auc) * np.sqrt(1 + spread**2)
    truths = np.repeat([0, 1], [negatives, positives])
    at = np.linspace(-10, shift + 10 * spread, 200_001)
    hits, false = positives * stats.norm.sf(at, shift, spread), negatives * stats.norm.sf(at)
    precision = np.divide(hits, hits + false, out=np.ones_like(hits), where=hits + false > 0)
    truth = float(np.trapezoid(precision * stats.norm.pdf(at, shift, spread), at))

    def draw(rng: np.random.Generator) -> list[tuple[Metric, float]]:
        ranking = Ranking(truths, np.concatenate([rng.normal(0, 1, negatives), rng.normal(shift, spread, positives)]))
        value, resampling = ranking.areas()[1], Resampling(truths, resamples=500)
        drawn = np.array([ranking.areas(row)[1] for weights in resampling.batches() for row in weights])
        hull = average_precision_metric(value, positives, drawn, resampling, n=len(truths))
        return [(hull, truth), (percentile_interval(value, drawn, resampling, n=len(truths)), truth)]

    return draw


def cases() -> Iterator[tuple[str, tuple[str, ...], Case]]:
    """Name, names of the methods, and how a sample is drawn."""
    for positives, negatives in ((10, 100), (10, 1000), (15, 300), (20, 100), (50, 500), (200, 400)):
        for auc in (0.9, 0.95, 0.98):
            for spread in (0.5, 1.0, 2.0, 3.0):
                name = f"AUC {auc}, {positives} of {positives + negatives} positive, spread {spread:g}"
                yield name, ("auc", "auc_delong"), binormal(auc, spread, positives, negatives)
            name = f"AUC {auc}, {positives} of {positives + negatives} positive, mixture"
            yield name, ("auc", "auc_delong"), mixture(auc, positives, negatives)
    for positives, negatives in ((10, 100), (15, 300), (20, 20), (50, 500), (200, 400)):
        for rates in ((0.95, 0.8), (0.9, 0.95), (0.7, 0.99), (0.99, 0.99)):
            name = f"F1, {positives} of {positives + negatives} positive, rates {rates[0]:g} and {rates[1]:g}"
            yield name, ("f1", "f1, percentile"), at_threshold(*rates, positives, negatives)
        for auc in (0.9, 0.98):
            for spread in (0.5, 1.0, 3.0):
                name = f"precision, AUC {auc}, {positives} of {positives + negatives} positive, spread {spread:g}"
                yield name, ("average_precision", "percentile"), ranked(auc, spread, positives, negatives)
    for strength, positives, negatives in ((2.2, 15, 150), (3.5, 15, 150), (2.2, 100, 100)):
        name = f"two models, {positives} of {positives + negatives} positive, shift {strength:g}"
        yield name, ("AUC difference", "sensitivity difference"), two_models(strength, positives, negatives)
    for n in (38, 200, 1000, 3000):
        for off, centre in ((0.0, 0.0), (0.0, -3.0), (0.3, 0.0), (0.8, 0.0), (0.8, -3.0)):
            name = f"calibration, n {n}, logits off by {off:g}, mean logit {centre:g}"
            yield name, ("calibration_error",), calibrated(off, n, centre)


def held(drawn: list[tuple[Metric, float]]) -> tuple[float, float, float]:
    """Share of the intervals that hold the truth, their mean width, and the mean estimate."""
    inside = [metric.low is not None and metric.low <= truth <= metric.high for metric, truth in drawn]
    widths = [metric.high - metric.low for metric, _ in drawn if metric.low is not None]
    return float(np.mean(inside)), float(np.mean(widths)), float(np.mean([metric.value for metric, _ in drawn]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1000, help="samples a case")
    parser.add_argument("--only", default="", help="only the cases whose name has this in it")
    arguments = parser.parse_args()
    print(f"{'case':58} {'method':24} {'held':>6} {'width':>6} {'mean':>6}")
    for name, methods, case in cases():
        if arguments.only not in name:
            continue
        drawn = [case(np.random.default_rng(seed)) for seed in range(arguments.repeats)]
        for place, method in enumerate(methods):
            share, width, mean = held([one[place] for one in drawn])
            print(f"{name:58} {method:24} {share:6.3f} {width:6.3f} {mean:6.3f}", flush=True)


if __name__ == "__main__":
    main()
