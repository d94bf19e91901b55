"""The attributes that TRIDENT keeps beside coordinates: written of a bag's facts, and read where it wrote the file."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import DataError
from sentinode.models.mil.bag import BagFacts, BagGrid

_OBJECTIVE_UM = 10.0
"""µm/px times magnification, as TRIDENT has it: 20× is 0.5 µm/px."""
_MAGNIFICATIONS = (0.01, 1000.0)
"""1 mm/px, coarser than any overview, and 0.01 µm/px, finer than any microscope that works with light."""
_MOST_PX = 65_536
"""No network sees larger tiles."""
_MOST_SHOWN = 60
"""Letters of a wrong value in a message."""


def trident_attributes(facts: BagFacts) -> dict[str, Any]:
    """What TRIDENT writes beside coordinates; its magnifications are 10 / (µm/px)."""
    attributes: dict[str, Any] = {"name": facts.name}
    if grid := facts.grid:
        attributes["patch_size"] = grid.tile_px
        attributes["overlap"] = grid.tile_px - grid.step_px
        attributes["target_magnification"] = _OBJECTIVE_UM / grid.mpp
    if slide := facts.slide:
        attributes["level0_magnification"] = _OBJECTIVE_UM / slide.mpp_x
        attributes["level0_width"], attributes["level0_height"] = slide.width, slide.height
        if grid:
            attributes["patch_size_level0"] = round(grid.tile_px * grid.mpp / slide.mpp_x)
    return attributes


def stated_grid(path: Path, attributes: Mapping[str, Any]) -> BagGrid | None:
    """The grid that TRIDENT's attributes speak of; None where they don't, as in files of CLAM.

    Args:
        path: The file, for messages.
        attributes: Of `coords`. A negative overlap leaves a gap between tiles.

    Raises:
        DataError: A value is no number, or none that a grid has.
    """
    if "target_magnification" not in attributes or "patch_size" not in attributes:
        return None
    low, high = _MAGNIFICATIONS
    magnification = _number(path, attributes, "target_magnification")
    if not low <= magnification <= high:
        raise _fault(path, attributes, "target_magnification", f"a magnification from {low:g} to {high:g} is wanted")
    size = _whole(path, attributes, "patch_size")
    if not 0 < size <= _MOST_PX:
        raise _fault(path, attributes, "patch_size", f"pixels from 1 to {_MOST_PX:,} are wanted")
    overlap = _whole(path, attributes, "overlap") if "overlap" in attributes else 0
    if not 0 < size - overlap <= _MOST_PX:
        raise _fault(
            path, attributes, "overlap", f"less than patch_size, {size}, and at least {size - _MOST_PX} is wanted"
        )
    return BagGrid(tile_px=size, mpp=_OBJECTIVE_UM / magnification, step_px=size - overlap)


def _whole(path: Path, attributes: Mapping[str, Any], name: str) -> int:
    value = _number(path, attributes, name)
    if value != int(value):
        raise _fault(path, attributes, name, "a whole number of pixels is wanted")
    return int(value)


def _number(path: Path, attributes: Mapping[str, Any], name: str) -> float:
    values = np.asarray(attributes[name]).reshape(-1)
    try:
        value = float(values[0]) if len(values) == 1 else math.nan
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise _fault(path, attributes, name, "a number is wanted")
    return value


def _fault(path: Path, attributes: Mapping[str, Any], name: str, wanted: str) -> DataError:
    value = " ".join(str(attributes[name]).split())[:_MOST_SHOWN]
    return DataError(f"{path} says {name} = {value}, where {wanted}; correct it, or compute the features again")
