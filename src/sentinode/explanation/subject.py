"""What is explained, and what came of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.explanation.explanation import Explanation
from sentinode.models.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Subject:
    """A tile to explain."""

    name: str
    """Name of its files, and on the page."""
    path: Path
    """Where it comes from."""
    tile: NDArray[np.uint8]
    """(H, W, 3)."""
    place: str = ""
    """Where a tile of a slide lies, in words."""


@dataclass(frozen=True, eq=False)
class Explained:
    """A tile, what the model says of it, and a map by each method."""

    subject: Subject
    prediction: Prediction
    explanations: tuple[Explanation, ...]
