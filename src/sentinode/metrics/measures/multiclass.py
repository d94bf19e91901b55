"""More than two classes: MedMNIST's macro AUC and accuracy, and figures for each class against the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.measures.auc_interval import auc_metric
from sentinode.metrics.measures.intervals import Resampling, percentile_interval, rate, wider
from sentinode.metrics.measures.ranking import Ranking
from sentinode.metrics.measures.rates import derived, threshold_metrics
from sentinode.metrics.measures.roc import RocCurve, auc, roc_curve
from sentinode.metrics.measures.sums import SampleSums, Sums, loss_metrics
from sentinode.metrics.predictions import Predictions


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


@dataclass(frozen=True)
class MulticlassMeasures:
    """All that is measured on more than two classes at argmax."""

    matrix: tuple[tuple[int, ...], ...]
    """Confusion matrix (K, K), rows true, columns predicted."""

    metrics: dict[str, Metric]
    """Figures by name, in the order in which to print them."""

    classes: tuple[ClassFigures, ...]
    """One for each class."""


def macro_auc(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Unweighted mean of the one-versus-rest AUCs, as MedMNIST's evaluator has it (Yang et al. 2023).

    For two classes it is the ordinary AUC. NaN when a class has no sample, or all of them.

    Args:
        labels: Class index of each sample (N).
        probabilities: (N, K).
    """
    y, p = np.asarray(labels), np.asarray(probabilities)
    if p.shape[1] == 2:
        return auc(y == 1, p[:, 1])
    return float(np.mean([auc(y == index, p[:, index]) for index in range(p.shape[1])]))


def accuracy_argmax(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Share of samples whose likeliest class is the right one, as MedMNIST's evaluator has it; of equals the first.

    Args:
        labels: Class index of each sample (N).
        probabilities: (N, K).
    """
    return float(np.mean(np.asarray(probabilities).argmax(axis=1) == np.asarray(labels)))


def multiclass_measures(predictions: Predictions, resampling: Resampling) -> MulticlassMeasures:
    """The confusion matrix, every figure with its interval, and each class against the rest."""
    k = len(predictions.class_names)
    sums = SampleSums(predictions, None)
    rankings = [Ranking(predictions.labels == index, predictions.probabilities[:, index]) for index in range(k)]
    parts, areas = [], []
    for weights in resampling.batches():
        parts.append(sums.of(weights))
        areas.append(np.array([[ranking.auc(row) for ranking in rankings] for row in weights]).mean(axis=1))
    estimate, drawn = sums.of(), Sums.joined(parts)
    counts = estimate.cells[0].round().astype(np.int64).reshape(k, k)
    metrics = {"auc": _macro_auc_metric(predictions, np.concatenate(areas), resampling)}
    metrics |= _matrix_metrics(counts, drawn.cells.reshape(-1, k, k), resampling)
    metrics |= loss_metrics(predictions, estimate, drawn, resampling)
    classes = tuple(
        _class_figures(predictions, index, counts, drawn.cells.reshape(-1, k, k), resampling) for index in range(k)
    )
    return MulticlassMeasures(tuple(tuple(row) for row in counts.tolist()), metrics, classes)


def _macro_auc_metric(predictions: Predictions, drawn: NDArray[np.float64], resampling: Resampling) -> Metric:
    value = macro_auc(predictions.labels, predictions.probabilities)
    if np.isnan(value):
        present = np.unique(predictions.labels)
        missing = [name for index, name in enumerate(predictions.class_names) if index not in present]
        reason = f"no sample of {', '.join(missing)}" if len(present) > 1 else "only one class has samples"
        return Metric.undefined(reason, len(predictions))
    return percentile_interval(value, drawn, resampling, n=len(predictions))


def _matrix_metrics(counts: NDArray[np.int64], drawn: NDArray[np.float64], resampling: Resampling) -> dict[str, Metric]:
    """Figures of one confusion matrix (K, K), with intervals from those of the resamples (B, K, K)."""
    n = int(counts.sum())
    estimates, resampled = _summaries(counts.astype(np.float64)[None]), _summaries(drawn)
    accuracy = rate(int(np.trace(counts)), n, "no sample")
    if resampling.by_group:
        grouped = percentile_interval(float(estimates["accuracy"][0]), resampled["accuracy"], resampling, n=n)
        accuracy = wider(grouped, accuracy)
    metrics = {"accuracy": accuracy}
    reasons = {
        "balanced_accuracy": "a class has no sample",
        "f1": "a class has no sample and is never predicted",
        "mcc": "only one class has samples or is ever predicted",
    }
    for name, reason in reasons.items():
        value = float(estimates[name][0])
        undefined = Metric.undefined(reason, n)
        metrics[name] = undefined if np.isnan(value) else percentile_interval(value, resampled[name], resampling, n=n)
    return metrics


def _summaries(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Accuracy, balanced accuracy, macro F1 and MCC (Gorodkin 2004) of matrices (B, K, K); NaN where undefined."""
    right = np.diagonal(counts, axis1=1, axis2=2)
    true, called, n = counts.sum(axis=2), counts.sum(axis=1), counts.sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        spread = (n**2 - (true**2).sum(axis=1)) * (n**2 - (called**2).sum(axis=1))
        return {
            "accuracy": right.sum(axis=1) / n,
            "balanced_accuracy": (right / true).mean(axis=1),
            "f1": (2 * right / (true + called)).mean(axis=1),
            "mcc": (right.sum(axis=1) * n - (true * called).sum(axis=1)) / np.sqrt(spread),
        }


def _class_figures(
    predictions: Predictions,
    index: int,
    counts: NDArray[np.int64],
    drawn: NDArray[np.float64],
    resampling: Resampling,
) -> ClassFigures:
    of_class, scores = predictions.labels == index, predictions.probabilities[:, index]
    tn, fp, fn, tp = _against_the_rest(counts.astype(np.float64)[None], index)[0].round().astype(int).tolist()
    at_argmax = threshold_metrics(((tn, fp), (fn, tp)), derived(_against_the_rest(drawn, index)), resampling)
    metrics = {"auc": auc_metric(of_class, scores)}
    metrics |= {name: at_argmax[name] for name in ("sensitivity", "specificity", "precision", "f1")}
    return ClassFigures(predictions.class_names[index], int(of_class.sum()), metrics, roc_curve(of_class, scores))


def _against_the_rest(counts: NDArray[np.float64], index: int) -> NDArray[np.float64]:
    """Cells tn, fp, fn, tp (B, 4) of one class in confusion matrices (B, K, K)."""
    tp = counts[:, index, index]
    fn, fp = counts[:, index].sum(axis=1) - tp, counts[:, :, index].sum(axis=1) - tp
    return np.stack([counts.sum(axis=(1, 2)) - tp - fn - fp, fp, fn, tp], axis=1)
