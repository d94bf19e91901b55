"""Parts of the slides by a column of their table: each with the slides without tumour that it can be told from."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.metrics.method_table import SlidePart
from sentinode.studies.mil.mil_recipe import LabelsConfig
from sentinode.studies.mil.mil_slides import MilSlide, labels_of

_MOST = 8
"""Different words of a column: more would be names, not groups."""
_FEW_NUMBERS = 4


def edges_of(slides: Sequence[MilSlide], config: LabelsConfig) -> tuple[float, ...]:
    """Where the numbers of the column are parted: as configured, or at the thirds of the slides with tumour.

    Empty where the column has words, or few different numbers.
    """
    values = _numbers(slides, labels_of(slides) > 0)
    if config.edges or values is None or len(np.unique(values)) <= _FEW_NUMBERS:
        return config.edges
    thirds = np.quantile(values, [1 / 3, 2 / 3])
    whole = bool((values == np.round(values)).all())
    return tuple(dict.fromkeys(float(np.floor(edge)) if whole else float(f"{edge:.2g}") for edge in thirds.tolist()))


def parts_of(slides: Sequence[MilSlide], config: LabelsConfig, edges: Sequence[float]) -> list[SlidePart]:
    """The parts of the slides with tumour.

    A part that slides without tumour belong to as well (a hospital) holds its own; one that only slides with tumour can
    belong to (the size of a lesion) is held against all slides without tumour.

    Raises:
        DataError: A slide with tumour has no value, no number where edges are given, or there are too many words.
    """
    if config.by is None:
        return []
    tumour = labels_of(slides) > 0
    parts = np.array([_part(slide, config.by, edges) if slide.label else slide.row.value for slide in slides])
    names = _in_order(parts[tumour].tolist(), config.by, edges)
    shared = set(parts[~tumour].tolist()) & set(names)
    found = []
    for name in names:
        inside = parts == name
        members = inside if shared else (inside & tumour) | ~tumour
        found.append(SlidePart(f"{config.by} {name}", members, int((inside & tumour).sum())))
    return found


def _numbers(slides: Sequence[MilSlide], tumour: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    try:
        return np.array([float(slide.row.value) for slide, own in zip(slides, tumour, strict=True) if own])
    except ValueError:
        return None


def _part(slide: MilSlide, by: str, edges: Sequence[float]) -> str:
    """Which part a slide with tumour belongs to."""
    value = slide.row.value
    if not value:
        raise DataError(f"slide {slide.name} has tumour and no {by}; fill it in, or leave out --by")
    if not edges:
        return value
    try:
        place = int(np.searchsorted(np.asarray(edges), float(value), side="left"))
    except ValueError:
        raise DataError(f"slide {slide.name}: {by} is {value!r}, where a number is wanted; correct it") from None
    return _ranges(edges)[place]


def _ranges(edges: Sequence[float]) -> list[str]:
    """`up to 10`, `10 to 20`, `above 20`."""
    middle = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]:g}", *middle, f"above {edges[-1]:g}"]


def _in_order(parts: Sequence[str], by: str, edges: Sequence[float]) -> list[str]:
    found = set(parts)
    if edges:
        return [name for name in _ranges(edges) if name in found]
    if len(found) > _MOST:
        raise DataError(f"the column {by} has {len(found)} different words; give one with at most {_MOST}")
    return sorted(found, key=_by_number)


def _by_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
