"""The samples behind the figures: the worst errors and typical hits, chosen by score, with their pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from sentinode.core.decision import is_positive
from sentinode.core.images import IMAGE_SUFFIXES
from sentinode.core.messages import plural
from sentinode.metrics.predictions import Predictions
from sentinode.reports import wording
from sentinode.reports.picture import picture_address

Images = Callable[[int], NDArray[np.uint8]]
"""The image of a row of the predictions: (H, W, 3) uint8, RGB."""

Maps = Callable[[int], NDArray[np.uint8] | None]
"""The same with what moved the model over it; None where nothing did."""

SIZE = 12
"""Samples in a gallery: three rows of four."""

_WIDEST = 144  # pixels; larger patches are made smaller, so that a page of four galleries stays below 1 MB


@dataclass(frozen=True)
class Sample:
    """One sample in a gallery."""

    id: str
    """Id of the sample, whole."""

    short_id: str
    """The end of the id, where it is long."""

    score: float
    """The score that it is shown for."""

    note: str
    """A few words below it: its group, or what it was taken for."""

    alt: str
    """What the picture shows, in words."""

    image: str
    """`data:` address of its picture; empty without pictures."""

    map: str = ""
    """`data:` address of the picture with what moved the model over it; empty without, or where nothing did."""


@dataclass(frozen=True)
class Gallery:
    """Samples of one kind."""

    title: str
    """What they have in common."""

    remark: str
    """How they were chosen, out of how many."""

    kind: str
    """`miss`, `alarm` or `hit`, for the colour of the frame."""

    samples: tuple[Sample, ...]
    """The samples, in the order of the remark."""


def binary_galleries(
    predictions: Predictions, threshold: float, images: Images | None, noun: str, maps: Maps | None = None
) -> tuple[Gallery, ...]:
    """Worst false negatives, worst false positives, typical true positives and typical true negatives.

    Typical are the samples whose scores are nearest to the median of their kind.

    Args:
        predictions: Two classes.
        threshold: The operating threshold.
        images: Gives a row's picture; None leaves the pictures out.
        noun: What a sample is called: "patch".
        maps: Gives a row's picture with a map over it, for the errors; None leaves them out.
    """
    scores, truths = predictions.scores, predictions.truths.astype(bool)
    called = is_positive(scores, threshold)
    index = predictions.positive or 0
    positive, negative = predictions.class_names[index], predictions.class_names[1 - index]

    def gallery(
        title: str, kind: str, chosen: NDArray[np.bool_], keys: NDArray[np.float64] | None, how: str
    ) -> Gallery:
        rows = np.flatnonzero(chosen)
        keys = _from_median(scores, rows) if keys is None else keys[rows]
        shown = rows[np.argsort(keys, kind="stable")[:SIZE]]
        own = maps if kind in ("miss", "alarm") else None
        samples = tuple(_sample(predictions, int(row), float(scores[row]), "", images, own) for row in shown)
        return Gallery(title, _remark(len(samples), len(rows), noun, how), kind, samples)

    return (
        gallery(
            "Worst false negatives",
            "miss",
            truths & ~called,
            scores,
            f"{positive} called {negative}, lowest score first",
        ),
        gallery(
            "Worst false positives", "alarm", ~truths & called, -scores, f"{negative} called {positive}, highest first"
        ),
        gallery("Typical true positives", "hit", truths & called, None, f"{positive} found, around their median score"),
        gallery(
            "Typical true negatives", "clear", ~truths & ~called, None, f"{negative} passed, around their median score"
        ),
    )


def multiclass_galleries(
    predictions: Predictions, images: Images | None, noun: str, maps: Maps | None = None
) -> tuple[Gallery, ...]:
    """The surest errors, and typical hits of all classes in turn. See `binary_galleries`."""
    decided, confidence = predictions.decisions(None).classes, predictions.decisions(None).confidences
    names = predictions.class_names
    wrong = np.flatnonzero(decided != predictions.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")[:SIZE]]
    errors = tuple(
        _sample(
            predictions,
            int(row),
            float(confidence[row]),
            f"{names[predictions.labels[row]]} taken for {names[decided[row]]}",
            images,
            maps,
        )
        for row in worst
    )
    hits = tuple(
        _sample(predictions, row, float(confidence[row]), names[predictions.labels[row]], images)
        for row in _typical_of_each_class(predictions.labels, decided, confidence)
    )
    right = len(predictions) - len(wrong)
    return (
        Gallery("Surest errors", _remark(len(errors), len(wrong), noun, "highest confidence first"), "miss", errors),
        Gallery("Typical hits", _remark(len(hits), right, noun, "around the median of each class"), "hit", hits),
    )


def _typical_of_each_class(
    labels: NDArray[np.int64], decided: NDArray[np.int64], confidence: NDArray[np.float64]
) -> list[int]:
    ranked = []
    for label in np.unique(labels):
        rows = np.flatnonzero((labels == label) & (decided == label))
        order = np.argsort(_from_median(confidence, rows), kind="stable")
        ranked += [(place, int(row)) for place, row in enumerate(rows[order][:SIZE])]
    # One of each class before the second of any; then by class, so that like stands beside like.
    chosen = [row for _, row in sorted(ranked, key=lambda pair: pair[0])[:SIZE]]
    return sorted(chosen, key=lambda row: int(labels[row]))


def _from_median(values: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.abs(values[rows] - np.median(values[rows])) if rows.size else values[rows]


def _remark(shown: int, total: int, noun: str, how: str) -> str:
    if total == 0:
        return "None."
    part = "all" if shown == total else f"{shown} of"
    return f"{how[0].upper()}{how[1:]}: {part} {plural(total, noun)}."


def _sample(
    predictions: Predictions, row: int, score: float, note: str, images: Images | None, maps: Maps | None = None
) -> Sample:
    name = predictions.ids[row]
    truth = predictions.class_names[predictions.labels[row]]
    group = f" of {predictions.groups[row]}" if predictions.groups else ""
    mapped = maps(row) if maps else None
    if maps and mapped is None:
        note = f"{note}, empty map" if note else "empty map"
    return Sample(
        id=f"{name}{group}",
        short_id=wording.shortened(_stem(name), 16),
        score=score,
        note=note,
        alt=f"{name}{group}: true class {truth}, score {score:.3f}",
        image=picture_address(images(row), _WIDEST) if images else "",
        map="" if mapped is None else picture_address(mapped, _WIDEST),
    )


def _stem(name: str) -> str:
    """The last part of an id that is a path, without the ending of an image file; another id as it is."""
    last = PurePosixPath(name)
    return last.stem if last.suffix.lower() in IMAGE_SUFFIXES else name
