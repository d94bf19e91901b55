"""The page of a study that looks for lesions on slides: one table, a verdict, two pictures, the protocol."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.metrics.froc.lesion_arms import LesionFigures, LesionQuestions, lesion_verdict
from sentinode.reports.charts.chart import drawn
from sentinode.reports.charts.lesion_charts import lesion_curves, lesion_differences
from sentinode.reports.frame import Context, write_page


def write_lesion_study_page(
    question: str,
    arms: tuple[LesionFigures, ...],
    questions: LesionQuestions,
    curves: Mapping[str, NDArray[np.float64]],
    context: Context,
    out: Path,
) -> None:
    """Write the page.

    Args:
        question: What the study asks.
        arms: Its arms, the first the one that others are held against.
        questions: Where they were compared.
        curves: See `lesion_curves`.
        context: Data, facts, limits, protocol.
        out: The file.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    values: dict[str, Any] = {
        "title": f"Study: {context.model}",
        "kind": "study",
        "heading": question,
        "facts": [("Data", context.data), *context.facts],
        "arms": arms,
        "names": questions.names,
        "deciding": questions.deciding,
        "headline": [f"{arm.name.capitalize()}: {lesion_verdict(arm, questions)}." for arm in arms[1:]],
        "charts": drawn([lesion_curves(curves), lesion_differences(arms, questions)]),
        "method": arms[0].figures[questions.deciding].method,
        "context": context,
    }
    write_page("lesion_study.html.j2", values, out)
