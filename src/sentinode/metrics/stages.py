"""From lesions to a slide's class, from its slides to a patient's pN stage: CAMELYON17's rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric
from sentinode.core.node_classes import SLIDE_CLASSES, STAGES, SlideClass, Stage
from sentinode.metrics.measures.intervals import Resampling, percentile_interval

SizeClass = Literal["ITC", "micro", "macro"]
"""Isolated tumour cells, micrometastasis, macrometastasis: a lesion's class, as a scan's files write it."""

NOT_ASSESSED = "not assessed"
"""In place of a slide's class or a patient's stage: what was not seen is not normal."""

SLIDE_CLASS_OF: dict[SizeClass, SlideClass] = {"ITC": "itc", "micro": "micro", "macro": "macro"}
"""The class of a slide whose largest lesion has this class, as CAMELYON17's tables and the server write it."""

ITC_UM = 200.0
"""Longest diameter up to which a focus is isolated tumour cells."""

ITC_CELLS = 200
"""A focus of fewer tumour cells than this is isolated tumour cells, however far they are spread."""

MICRO_UM = 2000.0
"""Longest diameter up to which a metastasis is a micrometastasis."""

NODES = 5
"""Slides of a patient in CAMELYON17, one for each node."""

_PN2_NODES, _PN3_NODES = 4, 10


def size_class(diameter_um: float, tumour_cells: int | None = None) -> SizeClass:
    """The class of a lesion by its longest diameter in µm, and by its tumour cells where somebody counted them."""
    if diameter_um <= ITC_UM or (tumour_cells is not None and tumour_cells < ITC_CELLS):
        return "ITC"
    return "micro" if diameter_um <= MICRO_UM else "macro"


def slide_class(longest_diameter_um: float | None, tumour_cells: int | None = None) -> SlideClass:
    """The class of a slide by its largest focus of tumour.

    Args:
        longest_diameter_um: Of the largest focus; None without any.
        tumour_cells: In it, where somebody counted them.

    Raises:
        EvaluationError: The diameter is not a number above 0.
    """
    if longest_diameter_um is None:
        return "negative"
    if not longest_diameter_um > 0:
        raise EvaluationError(f"a longest diameter of {longest_diameter_um} µm; give a number above 0, or None")
    return SLIDE_CLASS_OF[size_class(longest_diameter_um, tumour_cells)]


def pn_stage(classes: Sequence[str]) -> Stage:
    """The stage of a patient by CAMELYON17's rule, from the classes of all slides, one slide a node.

    pN0: nothing found; pN0(i+): isolated cells only; pN1mi: micrometastases, no macrometastasis; with at least one
    macrometastasis, pN1 for one to three nodes with a metastasis and pN2 for four to nine. Isolated cells make no
    node positive.

    Raises:
        EvaluationError: No slide, an unknown class, or more positive nodes than the rule knows.
    """
    unknown = sorted(set(classes) - set(SLIDE_CLASSES))
    if unknown:
        raise EvaluationError(f"slide class {unknown[0]!r} is unknown; give one of {', '.join(SLIDE_CLASSES)}")
    if not classes:
        raise EvaluationError("a patient without slides has no stage; leave the patient out")
    macro, micro = list(classes).count("macro"), list(classes).count("micro")
    if not macro:
        return "pN1mi" if micro else "pN0(i+)" if "itc" in classes else "pN0"
    positive = macro + micro
    if positive >= _PN3_NODES:
        raise EvaluationError(f"{positive} positive nodes: CAMELYON17's rule ends at nine; stage this patient by hand")
    return "pN2" if positive >= _PN2_NODES else "pN1"


@dataclass(frozen=True)
class StagedPatient:
    """A patient's stage with what it rests on."""

    patient: str
    stage: Stage
    slides: Mapping[str, SlideClass]
    """Slide → class, by name; of a slide that was not assessed, by what was seen of it."""
    not_assessed: tuple[str, ...] = ()
    """Slides that were not assessed, by name: with any, `stage` is the least that it can be."""

    @property
    def label(self) -> str:
        """The stage; "not assessed" where a slide was not, whatever the others show."""
        return NOT_ASSESSED if self.not_assessed else self.stage

    @property
    def note(self) -> str:
        """What is known where a slide was not assessed; empty where all were."""
        if not self.not_assessed:
            return ""
        least = f"at least {self.stage}" if self.stage != STAGES[0] else "no tumour in what was seen"
        return f"{least}; not assessed: {', '.join(self.not_assessed)}"

    @property
    def complete(self) -> bool:
        """Whether the patient has as many slides as the rule was made for."""
        return len(self.slides) == NODES


def stage_patients(
    classes: Mapping[str, SlideClass], patients: Mapping[str, str], not_assessed: Collection[str] = ()
) -> tuple[StagedPatient, ...]:
    """Stage every patient.

    Args:
        classes: Slide → its class.
        patients: Slide → its patient.
        not_assessed: Slides of which nothing, or too little, was seen; their class is of what was.

    Returns:
        By patient's name. A patient with more or fewer slides than five is staged all the same and is not `complete`:
        a slide more could only raise the stage.

    Raises:
        EvaluationError: A slide without a patient, or the other way round.
    """
    for missing, what in (
        (classes.keys() - patients.keys(), "has a class and no patient"),
        (patients.keys() - classes.keys(), "belongs to a patient and was not scanned"),
    ):
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise EvaluationError(f"slide {min(missing)}{more} {what}; a stage needs all slides of a patient")
    own: dict[str, dict[str, SlideClass]] = {}
    for slide in sorted(classes):
        own.setdefault(patients[slide], {})[slide] = classes[slide]
    unseen = {name: tuple(slide for slide in own[name] if slide in not_assessed) for name in own}
    return tuple(
        StagedPatient(name, pn_stage(list(own[name].values())), own[name], unseen[name]) for name in sorted(own)
    )


def confusion(truths: Sequence[str], predicted: Sequence[str], categories: Sequence[str]) -> NDArray[np.int64]:
    """(K, K) counts: rows true, columns predicted, in the order of `categories`.

    Raises:
        EvaluationError: The lengths differ, or a value is no category.
    """
    if len(truths) != len(predicted):
        raise EvaluationError(f"{len(truths)} true and {len(predicted)} predicted values; give one of each")
    unknown = sorted({*truths, *predicted} - set(categories))
    if unknown:
        raise EvaluationError(f"{unknown[0]!r} is none of {', '.join(categories)}; correct it")
    number = {category: index for index, category in enumerate(categories)}
    counts = np.zeros((len(categories), len(categories)), dtype=np.int64)
    np.add.at(counts, ([number[value] for value in truths], [number[value] for value in predicted]), 1)
    return counts


def quadratic_kappa(
    truths: Sequence[str],
    predicted: Sequence[str],
    *,
    categories: Sequence[str] = STAGES,
    resamples: int = 1000,
    seed: int = 42,
) -> Metric:
    """Cohen's kappa with quadratic weights, CAMELYON17's metric, with a bootstrap interval over the patients.

    Args:
        truths: True stage of each patient (N).
        predicted: Predicted stage (N).
        categories: In their order.
        resamples: Number of bootstrap resamples.
        seed: Of the bootstrap.

    Raises:
        EvaluationError: The lengths differ, or a value is no category.
    """
    value = _kappa(confusion(truths, predicted, categories).astype(np.float64))
    if np.isnan(value):
        return Metric.undefined("all true and predicted stages are one and the same", len(truths))
    number = {category: index for index, category in enumerate(categories)}
    cells = np.array(
        [number[one] * len(categories) + number[other] for one, other in zip(truths, predicted, strict=True)]
    )
    # Patients, not classes, are drawn: how often each stage occurs is part of what kappa measures.
    resampling = Resampling(np.zeros(len(cells), dtype=np.int64), None, resamples, seed)
    drawn = []
    for batch in resampling.batches():
        for row in batch:
            counts = np.bincount(cells, row, minlength=len(categories) ** 2).astype(np.float64)
            drawn.append(_kappa(counts.reshape(len(categories), -1)))
    return percentile_interval(value, np.array(drawn), resampling, n=len(cells))


def _kappa(counts: NDArray[np.float64]) -> float:
    """1 less the weighted disagreement over that of chance (Cohen 1968); NaN where chance never disagrees."""
    size, total = len(counts), counts.sum()
    index = np.arange(size)
    weights = (index[:, None] - index) ** 2.0
    by_chance = weights @ counts.sum(axis=0) @ counts.sum(axis=1) / total if total else 0.0
    return float(1 - (weights * counts).sum() / by_chance) if by_chance > 0 else float("nan")
