"""One call from a tile to its explanation: the map, the probability that it explains, and how far to trust it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from sentinode.core.errors import SentinodeError
from sentinode.explanation.class_activation import constant_of
from sentinode.explanation.explainable_model import ExplainableModel
from sentinode.explanation.faithfulness import Chance, Faithfulness, measure, random_orders, smoothness_of
from sentinode.explanation.map_pictures import draw_map, draw_overlay
from sentinode.explanation.methods import method_of
from sentinode.models.bundle_info import BundleInfo

RANDOM_ORDERS = 8
"""Per tile, for the yardstick of faithfulness."""

SHUFFLES = 4
"""Shuffled models that are tried until one gives a map that is not empty."""

LIKENESS = 0.5
"""From this rank correlation with the map of a model that has learned nothing on, a map says little of the model."""


@dataclass(frozen=True, eq=False)
class Sanity:
    """The map that the same method gives once the weights of all layers are shuffled (Adebayo et al. 2018)."""

    map: NDArray[np.float32]
    """(H, W)."""

    likeness: float | None
    """Rank correlation (Spearman) of both maps' pixels: near 0, the map comes from what was learned. None where one of
    them is the same everywhere, an empty map above all: such a map compares with nothing."""

    @property
    def passed(self) -> bool | None:
        """Whether the map changes with the weights; None: undetermined, which is no pass."""
        return None if self.likeness is None else abs(self.likeness) < LIKENESS


@dataclass(frozen=True, eq=False)
class Explanation:
    """A map of one tile, for one class."""

    tile: NDArray[np.uint8]
    """(H, W, 3)."""
    method: str
    target: str
    """The class."""
    map: NDArray[np.float32]
    """(H, W): more where more speaks for the class."""
    signed: bool
    """Whether values below 0 speak against it; otherwise there are none."""
    probability: float
    """Probability of the class, 0 to 1; what is explained, as log-odds."""
    constant: float | None = None
    """What, added to the sum of an exact map, is the log-odds."""
    faithfulness: Faithfulness | None = None
    """None: not measured, or the map is empty, which puts nothing in an order."""
    sanity: Sanity | None = None

    @property
    def empty(self) -> bool:
        """Whether the map is the same everywhere: it says nothing of where."""
        return bool(np.ptp(self.map) == 0)

    def overlay_png(self) -> bytes:
        """The tile with the map on it, as a PNG file."""
        return draw_overlay(self.tile, self.map, signed=self.signed)

    def map_png(self) -> bytes:
        """The map alone, as a PNG file in colours that every reader tells apart."""
        return draw_map(self.map, signed=self.signed)


@dataclass
class Examiner:
    """What checks maps, and keeps what several maps of one model or one tile share."""

    model: ExplainableModel
    seed: int = 0
    orders: int = RANDOM_ORDERS
    _shuffled: dict[int, ExplainableModel] = field(default_factory=dict)
    _chance: dict[float, Chance] = field(default_factory=dict)
    _last: tuple[bytes, int] = (b"", -1)

    def faithfulness(self, tile: NDArray[np.uint8], map_: NDArray[np.float32], target: int) -> Faithfulness | None:
        """Faithfulness of a map (H, W) of a tile (H, W, 3); None of a map that is the same everywhere."""
        if np.ptp(map_) == 0:
            return None

        def answers(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
            return self.model.probabilities(tiles)[:, target]

        if self._last != (key := (tile.tobytes(), target)):
            self._chance.clear()  # tiles come one after the other, and each with all of its maps
            self._last = key
        smoothness = smoothness_of(map_)
        if smoothness not in self._chance:
            self._chance[smoothness] = random_orders(answers, tile, self.orders, smoothness=smoothness, seed=self.seed)
        return measure(answers, tile, map_, self._chance[smoothness])

    def sanity(
        self, tile: NDArray[np.uint8], map_: NDArray[np.float32], method: str, target: int, layer: str | None
    ) -> Sanity | None:
        """Change of a map (H, W) of a tile with the weights; None for INT8, whose weights are not to be had."""
        if self.model.deployed is None:
            return None
        # A shuffled model may answer everything alike; whether a method suits it is asked of the model itself.
        explainer = method_of(self.model, method).make(layer)
        other = np.zeros_like(map_)
        for seed in range(self.seed, self.seed + SHUFFLES):
            if seed not in self._shuffled:
                self._shuffled[seed] = self.model.randomised(seed)
            other = explainer.maps(self._shuffled[seed], tile[None], target)[0]
            if np.ptp(other) > 0:  # an unsigned map of a model that finds nothing is empty, and compares with nothing
                break
        return Sanity(other, likeness(map_, other))


def explain(
    model: ExplainableModel,
    tile: NDArray[np.uint8],
    method: str = "gradcam",
    target: str | None = None,
    *,
    layer: str | None = None,
    examiner: Examiner | None = None,
) -> Explanation:
    """Explain what a model says of one tile. Thread-safe; the same input gives the same map.

    Args:
        model: From `open_model`; kept open, a Grad-CAM is quick.
        tile: (H, W, 3) uint8, RGB, of the bundle's tile size, or for a bundle that takes images of any size, larger.
        method: A name of `methods.method_names`.
        target: The class to explain; None: the positive class, or without one the likeliest.
        layer: For Grad-CAM: the layer, by its name in the network; None: the architecture's default.
        examiner: Checks the map: faithfulness, and whether it changes with the weights. Slow: some hundred answers.

    Raises:
        SentinodeError: The method or the layer is not there or can't explain this model, or there is no such class.
        DataError: A tile of another size than the bundle takes.
    """
    chosen = method_of(model, method)
    if layer is not None and not chosen.layered:
        raise SentinodeError(f"{method} looks at no layer that could be named; leave the layer out, or use gradcam")
    probabilities = model.probabilities(tile[None])[0]
    names = model.info.classes.names
    number = class_number(model, target, probabilities)
    explainer = chosen.make(layer)
    map_ = explainer.maps(model, tile[None], number)[0]
    return Explanation(
        tile=tile,
        method=method,
        target=names[number],
        map=map_,
        signed=explainer.signed,
        probability=float(probabilities[number]),
        constant=constant_of(model, tile[None], number) if method == "cam" else None,
        faithfulness=examiner.faithfulness(tile, map_, number) if examiner else None,
        sanity=examiner.sanity(tile, map_, method, number, layer) if examiner else None,
    )


def class_number(model: ExplainableModel, target: str | None, probabilities: NDArray[np.float32]) -> int:
    """The class to explain, by its place among the bundle's.

    Raises:
        SentinodeError: The bundle has no class of that name.
    """
    classes = model.info.classes
    if target is None:
        return int(probabilities.argmax()) if classes.positive is None else classes.names.index(classes.positive)
    check_class(model.info, target)
    return classes.names.index(target)


def check_class(info: BundleInfo, target: str | None) -> None:
    """Refuse the name of a class that a bundle has not; None stands for the class that it takes itself.

    Raises:
        SentinodeError: It is such a name.
    """
    names = info.classes.names
    if target is not None and target not in names:
        raise SentinodeError(f"there is no class {target!r}; {info.name} tells {', '.join(names)} apart")


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float | None:
    """Spearman's rank correlation of two maps' pixels; None where one of them is the same everywhere."""
    if min(np.ptp(one), np.ptp(other)) == 0:
        return None
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
