"""The page of a study: its question and protocol, one table with a verdict on every arm, and two pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.metrics.arm_comparison import ArmTable, verdict
from sentinode.reports.charts.chart import Chart, drawn
from sentinode.reports.charts.study_chart import difference_chart
from sentinode.reports.frame import Context, write_page
from sentinode.reports.picture import picture_address

_WIDEST = 1100


@dataclass(frozen=True, eq=False)
class Strip:
    """A picture made of images."""

    pixels: NDArray[np.uint8]
    """(h, w, 3)."""
    title: str
    alt: str
    """What it shows, for who can't see it."""
    caption: str


@dataclass(frozen=True, eq=False)
class TitledChart:
    """A chart with what stands around it."""

    chart: Chart
    title: str
    caption: str


def write_study_page(
    question: str, tables: tuple[ArmTable, ...], picture: Strip | TitledChart, context: Context, out: Path
) -> None:
    """Write the page.

    Args:
        question: What the study asks.
        tables: Of the arms, for all that they were tried on.
        picture: The second one, beside the differences.
        context: Data, facts, limits, protocol.
        out: The file.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    second = picture if isinstance(picture, TitledChart) else None
    values: dict[str, Any] = {
        "title": f"Study: {context.model}",
        "kind": "study",
        "heading": question,
        "facts": [("Data", context.data), *context.facts],
        "tables": tables,
        "verdict": verdict,
        "headline": [
            f"{table.name}: {'; '.join(f'{arm.name} {verdict(arm)}' for arm in table.arms[1:])}." for table in tables
        ],
        "charts": drawn([difference_chart(tables), *([second.chart] if second else [])]),
        "second": second,
        "strip": picture if isinstance(picture, Strip) else None,
        "strip_address": picture_address(picture.pixels, _WIDEST) if isinstance(picture, Strip) else "",
        "method": tables[0].arms[0].auc.method,
        "context": context,
    }
    write_page("study.html.j2", values, out)
