"""The report's tables that need arranging: the confusion matrix with shares, the worst pairs, the subgroups."""

from collections.abc import Sequence
from dataclasses import dataclass

from sentinode.metrics.assessment import Assessment
from sentinode.metrics.metric_table import shown_in
from sentinode.metrics.subgroups import Subgroup

_LOWEST, _HIGHEST = 24, 8  # groups in the table: enough to see a bad one, few enough to read


@dataclass(frozen=True)
class Cell:
    """One cell of a confusion matrix."""

    count: int
    """Samples."""

    share: float
    """Share of the samples of this true class, 0 to 1."""

    right: bool
    """Whether it is on the diagonal."""


@dataclass(frozen=True)
class ConfusedPair:
    """A class taken for another one."""

    truth: str
    """What it is."""

    taken_for: str
    """What the model called it."""

    cell: Cell
    """How often."""


@dataclass(frozen=True)
class SubgroupTable:
    """The groups that are shown, worst first."""

    noun: str
    """What a group is called."""

    rows: tuple[Subgroup | None, ...]
    """The groups; None stands where others are left out."""

    left_out: int
    """How many are."""

    total: int
    """How many groups there are."""

    count_columns: tuple[str, ...]
    """Classes whose sample numbers are shown."""

    metric_columns: tuple[str, ...]
    """Metrics that are shown as numbers."""

    plotted: str
    """The metric that is drawn with its interval, and by which the groups are in order."""

    overall: float | None
    """The same over all samples."""

    start: float
    """Where the drawing's axis begins; it ends at 1."""

    median: float
    """Median of the plotted metric over all groups."""

    lowest: float
    """Lowest value of the metric."""


def confusion_cells(matrix: Sequence[Sequence[int]]) -> list[list[Cell]]:
    """A confusion matrix with the share of each row."""
    return [
        [Cell(count, count / sum(row) if sum(row) else 0.0, i == j) for j, count in enumerate(row)]
        for i, row in enumerate(matrix)
    ]


def confused_pairs(assessment: Assessment, *, most: int = 6) -> list[ConfusedPair]:
    """The classes that are most often taken for another, by number of samples."""
    names = assessment.confusion_labels
    pairs = [
        ConfusedPair(names[i], names[j], cell)
        for i, row in enumerate(confusion_cells(assessment.confusion_matrix))
        for j, cell in enumerate(row)
        if i != j and cell.count
    ]
    return sorted(pairs, key=lambda pair: -pair.cell.count)[:most]


def subgroup_table(assessment: Assessment, noun: str) -> SubgroupTable | None:
    """Groups by accuracy, which every group has, the lowest first; with many groups those in between are left out."""
    groups = sorted(assessment.subgroups, key=lambda group: (_accuracy(group), group.name))
    if not groups:
        return None
    rows: list[Subgroup | None] = [*groups]
    left_out = len(groups) - _LOWEST - _HIGHEST
    if left_out > 1:
        rows = [*groups[:_LOWEST], None, *groups[-_HIGHEST:]]
    binary = assessment.positive is not None
    lows = [group.metrics["accuracy"].low or 0.0 for group in rows if group is not None]
    return SubgroupTable(
        noun=noun,
        rows=tuple(rows),
        left_out=max(left_out, 0),
        total=len(groups),
        count_columns=(assessment.confusion_labels[1],) if binary else (),
        metric_columns=shown_in("short") if binary else ("accuracy",),
        plotted="accuracy",
        overall=assessment.metrics["accuracy"].value,
        start=min(0.9, int(min(lows) * 10) / 10),
        median=_accuracy(groups[len(groups) // 2]),
        lowest=_accuracy(groups[0]),
    )


def _accuracy(group: Subgroup) -> float:
    value = group.metrics["accuracy"].value
    return 0.0 if value is None else value
