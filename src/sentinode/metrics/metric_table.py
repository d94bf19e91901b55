"""The table of metrics: what each is called, which way is better, and how it is computed. A new one is an entry here.

Another package brings one as an entry point of the group `sentinode.metrics` that names a `MetricKind` with a `value`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import PluginError
from sentinode.core.messages import one_line
from sentinode.core.plugins import plugins

Floats = NDArray[np.float64]
Value = Callable[[NDArray[np.int64], Floats, NDArray[np.int64]], float]
"""Labels (N), probabilities (N, K) and decisions (N), class indices both, to a figure; of two classes the positive one
has index 1. NaN where it is undefined."""

Place = Literal["short", "summary", "multiclass summary", "card", "cross-validated card"]


@dataclass(frozen=True)
class Share:
    """A rate as a share of the samples: those of some cells of the confusion matrix among those of others."""

    above: tuple[int, ...]
    """Cells that are counted: 0 true negatives, 1 false positives, 2 false negatives, 3 true positives."""

    below: tuple[int, ...]
    """Cells among which they are counted."""


@dataclass(frozen=True)
class MetricKind:
    """A metric: its name in files, its words for people, and how it is computed.

    Examples:
        >>> def markedness(labels, probabilities, decisions):
        ...     return float((labels[decisions == 1] == 1).mean() + (labels[decisions == 0] == 0).mean() - 1)
        >>> MetricKind("markedness", "Markedness", value=markedness).larger_is_better
        True
    """

    name: str
    """Name in `metrics.json`, in a recipe's targets, and for an entry point."""

    words: str
    """Name in a table's head."""

    larger_is_better: bool = True

    per_cent: bool = False
    """Whether it is a share of something that can be counted, and is printed in per cent."""

    shown: frozenset[Place] = frozenset()
    """Where it is printed among the few."""

    share: Share | None = None
    """The cells of the confusion matrix of two classes that it is a share of; the interval is exact."""

    rising: tuple[Share, Callable[[Floats], Floats]] | None = None
    """A share, and the rising function of it that the metric is; the interval is exact."""

    cells: Callable[[Floats, Floats, Floats, Floats], Floats] | None = None
    """What is computed from the counts tn, fp, fn, tp (…) of two classes instead; the interval is the bootstrap's."""

    undefined: str = ""
    """Why a `share`, or what comes of `rising` or `cells`, can be undefined."""

    value: Value | None = None
    """What is computed from the answers themselves; the interval is the bootstrap's."""


def quotient(above: Floats, below: Floats) -> Floats:
    """above / below (…), NaN where `below` is 0."""
    return np.asarray(np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0))


def f1_of_overlap(overlap: Floats) -> Floats:
    """F1 from tp / (tp + fp + fn), the overlap of what is positive and what is called so (Jaccard's index)."""
    return np.asarray(2 * overlap / (1 + overlap))


F1_OVERLAP = Share((3,), (1, 2, 3))
"""tp / (tp + fp + fn). Of samples that are positive or called so, the number that are both is binomial."""


def _balanced_accuracy(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    return (quotient(tp, fn + tp) + quotient(tn, tn + fp)) / 2


def _mcc(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Matthews (1975)."""
    scale = np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))
    return quotient(tp * tn - fp * fn, scale)


_CARDS: frozenset[Place] = frozenset({"card", "cross-validated card"})
_FEW: frozenset[Place] = _CARDS | {"short", "summary"}
_NO_POSITIVE, _NO_NEGATIVE = "no positive sample", "no negative sample"

# In the order in which they are printed. What has neither share nor cells nor value is computed, with others of its
# kind, where its name is: areas in `measures.ranking`, losses in `measures.sums`; `auc_pooled` comes of
# cross-validation alone, `loss` of training.
_OWN = (
    MetricKind("auc", "AUC", shown=_FEW | {"multiclass summary"}),
    MetricKind("auc_delong", "AUC, interval by DeLong"),
    MetricKind("auc_bootstrap", "AUC, interval by bootstrap"),
    MetricKind("auc_pooled", "AUC, ranked across folds"),
    MetricKind("average_precision", "Average precision", shown=frozenset({"card"})),
    MetricKind(
        "sensitivity", "Sensitivity", per_cent=True, shown=_FEW, share=Share((3,), (2, 3)), undefined=_NO_POSITIVE
    ),
    MetricKind(
        "specificity", "Specificity", per_cent=True, shown=_FEW, share=Share((0,), (0, 1)), undefined=_NO_NEGATIVE
    ),
    MetricKind(
        "precision", "Precision (PPV)", per_cent=True, shown=frozenset({"summary", "card"}),
        share=Share((3,), (1, 3)), undefined="no positive prediction",
    ),
    MetricKind(
        "npv", "NPV", per_cent=True, shown=frozenset({"card"}), share=Share((0,), (0, 2)),
        undefined="no negative prediction",
    ),
    MetricKind(
        "f1", "F1 score", shown=frozenset({"card"}), rising=(F1_OVERLAP, f1_of_overlap),
        undefined="no positive sample and no positive prediction",
    ),
    MetricKind(
        "balanced_accuracy", "Balanced accuracy", per_cent=True, shown=frozenset({"multiclass summary"}),
        cells=_balanced_accuracy, undefined="a class has no sample",
    ),
    MetricKind(
        "mcc", "Matthews correlation", cells=_mcc, undefined="a class has no sample or is never predicted"
    ),
    MetricKind(
        "accuracy", "Accuracy", per_cent=True, shown=_FEW | {"multiclass summary"},
        share=Share((0, 3), (0, 1, 2, 3)), undefined="no sample",
    ),
    MetricKind(
        "false_negative_rate", "False negative rate", larger_is_better=False, per_cent=True,
        share=Share((2,), (2, 3)), undefined=_NO_POSITIVE,
    ),
    MetricKind(
        "false_positive_rate", "False positive rate", larger_is_better=False, per_cent=True,
        share=Share((1,), (0, 1)), undefined=_NO_NEGATIVE,
    ),
    MetricKind("brier", "Brier score", larger_is_better=False, shown=_CARDS),
    MetricKind("log_loss", "Log loss", larger_is_better=False),
    MetricKind(
        "calibration_error", "Calibration error", larger_is_better=False,
        shown=frozenset({"summary", "multiclass summary"}),
    ),
    MetricKind("loss", "Loss", larger_is_better=False),
)  # fmt: skip

METRICS: dict[str, MetricKind] = {kind.name: kind for kind in _OWN}
"""Our own metrics by name, in the order in which they are printed."""


def shown_in(place: Place) -> tuple[str, ...]:
    """Names of the metrics that are printed in a place, in their order."""
    return tuple(name for name, kind in METRICS.items() if place in kind.shown)


def metric_kind(name: str) -> MetricKind:
    """The entry of that name, of this package or another; for a name that nobody declares, one with the bare words."""
    if name in METRICS:
        return METRICS[name]
    for plugin in plugins("metric"):
        if plugin.name == name:
            return plugin.load_as(MetricKind)
    return MetricKind(name, name.replace("_", " ").capitalize())


def declared_metrics() -> tuple[MetricKind, ...]:
    """The metrics that other packages declare. One that can't be loaded is there, and says why when it is computed."""
    return tuple(_loaded(plugin.name) for plugin in plugins("metric") if plugin.name not in METRICS)


def _loaded(name: str) -> MetricKind:
    try:
        return metric_kind(name)
    except PluginError as error:
        return MetricKind(name, name, undefined=one_line(error))
