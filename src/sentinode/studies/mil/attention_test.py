"""Whether a fitted aggregator's attention is worth a look: what its answer does without the tiles of most attention.

The tiles of most attention are taken from the bag first, step by step, and the slide's probability is computed anew;
the same is done in random orders. Which tiles come first is kept, to be held against lesions that somebody outlined.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.core.extras import require
from sentinode.metrics.attention_measures import AttentionFigures, HitTest, deletion_test, hit_test
from sentinode.metrics.measures.platt import PlattScaling
from sentinode.models.mil.bag import Bag
from sentinode.models.mil.bag_view import ArrayBag
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.annotations.placement import placed
from sentinode.slides.slide_extent import SlideExtent
from sentinode.slides.slide_names import SlideNames

if TYPE_CHECKING:
    from sentinode.training.mil.mil_fit import FittedAggregator

SHARES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Of a slide's tiles, taken away step by step."""

TOP = 5
"""Tiles of most attention that are held against outlines."""

_ORDERS = 3
"""Random orders whose mean is the other curve."""


@dataclass(frozen=True)
class SlideAttention:
    """What was found on one slide."""

    slide: str
    tiles: int
    top: tuple[int, ...]
    """The `TOP` tiles of most attention, by their places in the bag."""
    attended: tuple[float, ...]
    """Probability of tumour after each step of `SHARES`, tiles of most attention taken first."""
    random: tuple[float, ...]
    """The same in random order, the mean of several."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
        return cls(**values)


def look_at(fitted: "FittedAggregator", bag: Bag, scaling: PlattScaling, seed: int) -> SlideAttention:
    """Test the attention to one slide.

    Args:
        fitted: A model that has not learned from the slide.
        bag: Its tiles.
        scaling: From logits to probabilities.
        seed: Of the random orders.
    """
    features = bag.features()
    whole = ArrayBag(bag.name, features)
    look = fitted.look(whole)
    # Of equal attention (max pooling gives all to one tile) the tile's own logit decides.
    second = np.zeros(len(bag)) if look.instance is None else look.instance
    order = np.lexsort((-second, -look.attention))
    rng = np.random.default_rng(seed)

    def curve(removed: NDArray[np.intp]) -> NDArray[np.float64]:
        left = (np.sort(removed[_taken(share, len(bag)) :]) for share in SHARES)
        logits = np.stack([fitted.logits(ArrayBag(bag.name, features[rows])) for rows in left])
        return np.asarray(scaling.above(logits)[:, 0])

    random = np.mean([curve(rng.permutation(len(bag))) for _ in range(_ORDERS)], axis=0)
    return SlideAttention(
        bag.name, len(bag), tuple(order[:TOP].tolist()), tuple(curve(order).tolist()), tuple(random.tolist())
    )


def _taken(share: float, tiles: int) -> int:
    """Tiles that are taken away; one stays."""
    return min(int(np.ceil(share * tiles)), tiles - 1)


def attention_figures(
    method: str,
    looks: Sequence[SlideAttention],
    patients: Mapping[str, str] | None,
    lesions: Mapping[str, NDArray[np.bool_]],
    seed: int,
) -> AttentionFigures | None:
    """What a method's attention is worth.

    Args:
        method: Its name.
        looks: What was found on each slide.
        patients: Slide → patient; None where they are not known.
        lesions: Slide → (N,), which of its tiles touch an outlined lesion.
        seed: Of the bootstrap.

    Returns:
        None where no slide was looked at.
    """
    if not looks:
        return None
    groups = None if patients is None else [patients[look.slide] for look in looks]
    curves = [np.array([getattr(look, name) for look in looks]) for name in ("attended", "random")]
    deletion = deletion_test(SHARES, curves[0], curves[1], groups, seed=seed)
    return AttentionFigures(method, len(looks), deletion, hits_of(looks, lesions))


def tiles_on_lesions(bags: Sequence[Bag], annotations: Path) -> tuple[dict[str, NDArray[np.bool_]], list[str]]:
    """Which tiles of each slide touch an outlined lesion.

    Args:
        bags: The slides' tiles.
        annotations: Folder with NAME.xml, NAME.geojson or NAME.json; a slide without a file is left out.

    Returns:
        Slide → (N,), of slides with a lesion; and sentences on what could not be used.

    Raises:
        DataNotFoundError: There is no such folder.
        DataError: A bag does not say where on which slide its tiles lie.
        AnnotationError: A file can't be read, calls no region tumour, or was drawn on another slide.
    """
    named = {_file_of(bag): bag for bag in bags}
    folder = AnnotationFolder(annotations, SlideNames(named))
    found: dict[str, NDArray[np.bool_]] = {}
    notes = []
    for bag in bags:
        path = folder.of(Path(_file_of(bag)).stem)
        if path is None:
            continue
        drawn = read_annotations(path)
        drawn.check_named()
        if drawn.reviewed == "part" or drawn.tumour_without_area:
            notes.append(f"{bag.name}: its annotation does not say where all of its tumour is, and is not used.")
            continue
        touching = _touching(bag, placed(drawn, _extent(bag)).tumour)
        if touching.any():
            found[bag.name] = touching
        else:
            notes.append(f"{bag.name}: none of its tiles touches an outlined lesion.")
    return found, notes


def _file_of(bag: Bag) -> str:
    return bag.facts.slide.file if bag.facts.slide else f"{bag.name}.tif"


def _extent(bag: Bag) -> SlideExtent:
    slide = bag.facts.slide
    if slide is None or bag.facts.grid is None:
        raise DataError(f"the features of {bag.name} don't say where on the slide its tiles lie; leave out annotations")
    return SlideExtent(bag.name, slide.width, slide.height)


def _touching(bag: Bag, tumour: Any) -> NDArray[np.bool_]:
    """(N,): tiles that share an area with the tumour."""
    shapely = require("shapely", extra="scan")
    slide, grid = bag.facts.slide, bag.facts.grid
    if slide is None or grid is None or tumour.is_empty:
        return np.zeros(len(bag), dtype=bool)
    left, top = bag.coords.T
    side_um = grid.tile_px * grid.mpp
    boxes = shapely.box(left, top, left + side_um / slide.mpp_x, top + side_um / slide.mpp_y)
    shapely.prepare(tumour)
    near = np.flatnonzero(shapely.intersects(tumour, boxes))
    touching = np.zeros(len(bag), dtype=bool)
    touching[near] = shapely.area(shapely.intersection(tumour, boxes[near])) > 0  # an edge in common is no touch
    return touching


def hits_of(looks: Sequence[SlideAttention], lesions: Mapping[str, NDArray[np.bool_]]) -> HitTest | None:
    """How often the tiles of most attention touch a lesion, among slides with an outlined one; None without any."""
    known = [look for look in looks if look.slide in lesions]
    if not known:
        return None
    touching = [lesions[look.slide] for look in known]
    hits = [bool(tiles[list(look.top)].any()) for look, tiles in zip(known, touching, strict=True)]
    return hit_test([look.tiles for look in known], [int(tiles.sum()) for tiles in touching], hits, TOP)
