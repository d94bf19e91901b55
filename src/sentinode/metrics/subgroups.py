"""The same figures for each slide or patient, so that one bad slide can't hide in a good mean."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.measures.auc_interval import auc_metric
from sentinode.metrics.measures.intervals import rate
from sentinode.metrics.predictions import Predictions


@dataclass(frozen=True)
class Subgroup:
    """One group of the group column."""

    name: str
    """Value of the group column."""

    n: int
    """Samples in it."""

    counts: dict[str, int]
    """Class name → samples."""

    metrics: dict[str, Metric]
    """Two classes: `auc`, `sensitivity`, `specificity`, `accuracy`. More: `accuracy`. Undefined ones say why."""


def subgroups(predictions: Predictions, threshold: float | None) -> tuple[Subgroup, ...]:
    """Figures of every group, by name; empty without groups. Within a group samples count as independent."""
    if predictions.groups is None:
        return ()
    names, codes = np.unique(np.asarray(predictions.groups, dtype=str), return_inverse=True)
    called = predictions.decisions(threshold).classes
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return tuple(_subgroup(predictions, called, str(name), rows) for name, rows in zip(names, members, strict=True))


def _subgroup(predictions: Predictions, called: NDArray[np.int64], name: str, rows: NDArray[np.int64]) -> Subgroup:
    labels = predictions.labels[rows]
    right = called[rows] == labels
    metrics = {}
    if predictions.binary:
        positive = labels == predictions.positive
        metrics["auc"] = auc_metric(positive, predictions.scores[rows])
        metrics["sensitivity"] = rate(int(right[positive].sum()), int(positive.sum()), "no positive sample")
        metrics["specificity"] = rate(int(right[~positive].sum()), int((~positive).sum()), "no negative sample")
    metrics["accuracy"] = rate(int(right.sum()), len(rows), "no sample")
    counts = np.bincount(labels, minlength=len(predictions.class_names)).tolist()
    return Subgroup(name, len(rows), dict(zip(predictions.class_names, counts, strict=True)), metrics)
