"""The page of explanations: every map beside its image and its prediction, with what checks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.messages import count
from sentinode.reports.frame import write_page
from sentinode.reports.picture import picture_address

_WIDEST = 384  # pixels of a picture in the page


@dataclass(frozen=True)
class MapMethod:
    """A method and what to know of it."""

    title: str
    about: str
    """What its maps are, and who described it, in sentences."""

    signed: bool
    """Whether its maps have values that speak against the class."""


@dataclass(frozen=True)
class MapFaithfulness:
    """Areas under the deletion and the insertion curve of a map, and of random orders on the same image."""

    deletion: float
    insertion: float
    random_deletion: tuple[float, ...]
    random_insertion: tuple[float, ...]
    gain: float
    """Insertion less deletion, above that of chance."""

    spread: float
    """Standard deviation of the same over the random orders."""

    beaten: int
    """Random orders that the map is better than."""


@dataclass(frozen=True, eq=False)
class ShuffledMap:
    """The map that the same method gives once the weights of all layers are shuffled."""

    picture: NDArray[np.uint8]
    """(H, W, 3) RGB."""

    correlation: float | None
    """Rank correlation of both maps; None where one of them is empty."""

    passed: bool | None
    """Whether the map changes with the weights; None: undetermined."""


@dataclass(frozen=True, eq=False)
class MapView:
    """A map of an image, for one class."""

    method: MapMethod
    target: str
    """The class."""

    probability: float
    """Probability of the class, 0 to 1."""

    overlay: NDArray[np.uint8]
    """(H, W, 3) RGB: the map over the image."""

    picture: NDArray[np.uint8]
    """(H, W, 3) RGB: the map alone."""

    empty: bool
    """Whether it is the same everywhere."""

    total: float
    """Sum of the map."""

    constant: float | None = None
    """What, added to the sum of an exact map, is the log-odds."""

    faithfulness: MapFaithfulness | None = None
    shuffled: ShuffledMap | None = None


@dataclass(frozen=True, eq=False)
class ImageView:
    """An image, what the model says of it, and its maps."""

    name: str
    label: str
    """The class that it is called."""

    confidence: float
    low_confidence: bool
    picture: NDArray[np.uint8]
    """(H, W, 3) RGB, as the model gets it."""

    maps: tuple[MapView, ...]
    place: str = ""
    """Where a tile of a slide lies, in words."""


@dataclass(frozen=True, kw_only=True)
class ExplanationContext:
    """What the page says around the maps."""

    model: str
    explained: str
    """What the maps explain, in words."""

    steps: int
    """Steps of a deletion or insertion curve."""

    correlation: float
    """From this rank correlation with the map of shuffled weights on, a map says little of the model."""

    shuffled: bool
    """Whether the model has weights that could be shuffled."""


def write_explanation_page(images: Sequence[ImageView], context: ExplanationContext, out: Path) -> None:
    """Write the page of explanations.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    methods = list(dict.fromkeys(view.method for image in images for view in image.maps))
    values: dict[str, Any] = {
        "title": f"{context.model}: explanations",
        "kind": "explanations",
        "heading": f"What {context.model} looks at",
        "facts": [("Images", count(len(images))), ("Methods", ", ".join(method.title for method in methods))],
        "context": context,
        "images": [(image, _pictures(image)) for image in images],
        "methods": methods,
        "summary": [_summary(method, images) for method in methods],
        "checked": any(view.faithfulness for image in images for view in image.maps),
    }
    write_page("explanation.html.j2", values, out)


def _pictures(image: ImageView) -> dict[str, Any]:
    """`data:` addresses of the image, and of each map: over the image, alone, and with shuffled weights."""
    return {
        "image": picture_address(image.picture, _WIDEST),
        "maps": [
            (
                picture_address(view.overlay, _WIDEST),
                picture_address(view.picture, _WIDEST),
                picture_address(view.shuffled.picture, _WIDEST) if view.shuffled else "",
            )
            for view in image.maps
        ],
    }


def _summary(method: MapMethod, images: Sequence[ImageView]) -> dict[str, Any]:
    """A method over all images: means, and the mean spread of the random orders of an image."""
    views = [view for image in images for view in image.maps if view.method == method]
    measured = [view.faithfulness for view in views if view.faithfulness]
    shuffled = [view.shuffled for view in views if view.shuffled]
    return {
        "title": method.title,
        "n": len(views),
        "changed": sum(one.passed is True for one in shuffled) if shuffled else None,
        "undetermined": sum(one.passed is None for one in shuffled),
        "deletion": _mean([one.deletion for one in measured]),
        "insertion": _mean([one.insertion for one in measured]),
        "random_deletion": _mean([float(np.mean(one.random_deletion)) for one in measured]),
        "random_insertion": _mean([float(np.mean(one.random_insertion)) for one in measured]),
        "random_deletion_spread": _mean([float(np.std(one.random_deletion, ddof=1)) for one in measured]),
        "random_insertion_spread": _mean([float(np.std(one.random_insertion, ddof=1)) for one in measured]),
        "gain": _mean([one.gain for one in measured]),
        "better": sum(one.gain > 0 for one in measured),
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
