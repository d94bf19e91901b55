"""The page of stages: patients with their pN stage, slides with their class and overlay, and how both fit the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.messages import count
from sentinode.core.metric import Metric
from sentinode.core.node_classes import SLIDE_CLASSES, STAGES
from sentinode.metrics.stages import NODES, NOT_ASSESSED, StagedPatient, confusion
from sentinode.reports.assessment_tables import confusion_cells
from sentinode.reports.frame import Context, write_page
from sentinode.reports.picture import picture_address

_WIDEST = 1100  # pixels of a picture in the page, as wide as it is shown: its legend can be read

_CLASS_WORDS = {
    "negative": "negative", "itc": "isolated cells", "micro": "micro", "macro": "macro", NOT_ASSESSED: NOT_ASSESSED,
}  # fmt: skip

_HOW = (
    "A slide's class is that of its longest lesion: isolated tumour cells up to 0.2 mm, a micrometastasis up to 2 mm, a"
    " macrometastasis beyond.",
    "The stage is CAMELYON17's: pN0 without any tumour; pN0(i+) with isolated cells only; pN1mi with a micrometastasis"
    " and no macrometastasis; with a macrometastasis pN1 for one to three nodes with micro or macro, pN2 for four to"
    " nine. Isolated cells make no node positive.",
    "A slide that could not be scanned, or of which less than 95 % of the tissue was read, is not assessed. A patient"
    " with one has no stage: what was found in the others is the least that it can be.",
    f"The rule was made for {NODES} slides a patient, one a node. A patient with another number is staged all the same"
    " and marked: a further slide could only raise the stage.",
)


@dataclass(frozen=True, eq=False)
class StageRow:
    """One slide of the page."""

    slide: str
    patient: str
    found: str
    """Class of the slide, as it was found."""
    truth: str | None
    """True class of the slide, where it is known."""
    lesions: int = 0
    longest_um: float | None = None
    """Longest diameter of a lesion that counts, in µm."""
    score: float | None = None
    """Score of the slide, 0 to 1; None where nothing was scanned."""
    overlay: NDArray[np.uint8] | None = None
    """(H, W, 3) RGB."""


def write_stage_page(
    staged: Sequence[StagedPatient],
    true_stages: dict[str, str],
    kappa: Metric | None,
    rows: Sequence[StageRow],
    context: Context,
    out: Path,
) -> None:
    """Write the page of stages.

    Args:
        staged: Patients, in the order of the page.
        true_stages: Patient → true stage, where it is known.
        kappa: Quadratic, of those; None without any.
        rows: Slides; shown patient by patient.
        context: What is said around the figures.
        out: The file.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    by_patient = {one.patient: one for one in staged}
    assessed = [one for one in staged if not one.not_assessed]
    pairs = [(true_stages[one.patient], one.stage) for one in assessed if one.patient in true_stages]
    labelled = [(row.truth, row.found) for row in rows if row.truth is not None and row.found != NOT_ASSESSED]
    values: dict[str, Any] = {
        "title": f"{context.model} on {context.data}: stages",
        "kind": "stage report",
        "heading": f"{context.model} on {context.data}: how far has it spread?",
        "facts": _facts(staged, rows, context),
        "kappa": kappa,
        "right_stages": (sum(truth == found for truth, found in pairs), len(pairs)),
        "stage_matrix": _matrix(pairs, STAGES),
        "class_matrix": _matrix(labelled, SLIDE_CLASSES, _CLASS_WORDS),
        "patients": [_patient(one, true_stages.get(one.patient), rows) for one in by_patient.values()],
        "slides": [_slide(row) for row in sorted(rows, key=lambda row: (row.patient, row.slide))],
        "method": [*context.method, *_HOW],
        "notes": context.notes,
    }
    write_page("stages.html.j2", values, out)


def _facts(staged: Sequence[StagedPatient], rows: Sequence[StageRow], context: Context) -> list[tuple[str, str]]:
    return [
        ("Patients", count(len(staged))),
        ("Slides", count(len(rows))),
        ("With tumour", count(sum(row.found not in {"negative", NOT_ASSESSED} for row in rows))),
        ("Not assessed", count(sum(row.found == NOT_ASSESSED for row in rows))),
        ("Model", context.model),
    ]


def _patient(one: StagedPatient, truth: str | None, rows: Sequence[StageRow]) -> dict[str, Any]:
    own = [row.longest_um for row in rows if row.patient == one.patient and row.longest_um]
    return {
        "name": one.patient,
        "stage": one.label,
        "note": one.note,
        "truth": truth,
        "counts": [
            sum(found == name and slide not in one.not_assessed for slide, found in one.slides.items())
            for name in SLIDE_CLASSES
        ],
        "longest": _mm(max(own, default=None)),
        "complete": one.complete,
        "slides": len(one.slides),
        "not_assessed": len(one.not_assessed),
    }


def _slide(row: StageRow) -> dict[str, Any]:
    return {
        "name": row.slide,
        "patient": row.patient,
        "found": _CLASS_WORDS[row.found],
        "kind": row.found,
        "truth": None if row.truth is None else _CLASS_WORDS[row.truth],
        "right": row.truth == row.found,
        "lesions": row.lesions,
        "longest": _mm(row.longest_um),
        "score": row.score,
        "picture": None if row.overlay is None else picture_address(row.overlay, _WIDEST),
    }


def _matrix(
    pairs: Sequence[tuple[str, str]], categories: Sequence[str], words: dict[str, str] | None = None
) -> dict[str, Any] | None:
    if not pairs:
        return None
    counts = confusion([truth for truth, _ in pairs], [found for _, found in pairs], categories)
    return {"labels": [(words or {}).get(name, name) for name in categories], "rows": confusion_cells(counts.tolist())}


def _mm(um: float | None) -> str:
    return "–" if um is None else f"{um / 1000:.2f} mm"
