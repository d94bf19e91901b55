"""A bag: the features of all tissue tiles of one slide, where the tiles lie, and what the features mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sentinode.core.errors import DataError
from sentinode.core.messages import plural
from sentinode.models.feature_space import FeatureSpace

EVERY = slice(None)
"""Every tile of a bag."""

Places = NDArray[np.int64] | slice
"""Which tiles of a bag, by their places in it, in the order in which they are wanted."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BagGrid(_Part):
    """The grid that the tiles were cut on."""

    tile_px: int = Field(gt=0)
    """Side of a tile in pixels at `mpp`, as the network saw it."""
    mpp: float = Field(gt=0, allow_inf_nan=False)
    """µm/px of the tiles."""
    step_px: int = Field(gt=0)
    """From one tile to the next, in pixels at `mpp`."""


class BagSlide(_Part):
    """The slide, as far as it takes to place tiles on it and to tell it from another."""

    file: str
    width: int = Field(gt=0)
    """Level-0 pixels."""
    height: int = Field(gt=0)
    mpp_x: float = Field(gt=0, allow_inf_nan=False)
    """µm/px of level 0."""
    mpp_y: float = Field(gt=0, allow_inf_nan=False)
    sha256_of_ends: str
    """Of its first and last MiB with its size, as a scan's record has it."""


class BagFacts(_Part):
    """All that is known of a bag beside its arrays."""

    name: str
    """The slide's name: that of its file without the suffix."""
    space: FeatureSpace
    """What the features mean."""
    grid: BagGrid | None = None
    """None where another program wrote the file and doesn't say it."""
    slide: BagSlide | None = None
    """None in files of other programs."""
    score_names: tuple[str, ...] = ()
    """The classes of `Bag.scores`."""
    key: str = ""
    """SHA-256 over slide, network and configuration; empty in files of other programs."""
    unreadable: int = Field(default=0, ge=0)
    """Tiles that had enough tissue and could not be read: they are not in the bag."""


class Rows(Protocol):
    """Features in memory or in a file: N rows of D numbers, of which some are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D)."""
        ...

    def __getitem__(self, places: Any, /) -> NDArray[Any]:
        """The rows at these places: (n, D)."""
        ...


@dataclass(frozen=True, eq=False)
class Bag:
    """The tiles of one slide. Of a file, features are read as they are asked for, and nothing of them is held.

    Examples:
        >>> space = FeatureSpace("network", "a network", 96, "0" * 64)
        >>> bag = Bag(BagFacts(name="a", space=space), np.eye(3, 2, dtype=np.float16), np.zeros((3, 2), np.int64))
        >>> len(bag), bag.size, bag.features(np.array([2, 0])).tolist()
        (3, 2, [[0.0, 0.0], [1.0, 0.0]])
    """

    facts: BagFacts
    rows: Rows
    """(N, D): an array, or what reads it from a file. `features` gives them."""
    coords: NDArray[np.int64]
    """(N, 2) level-0 x and y of the tiles' upper left corners."""
    scores: NDArray[np.float32] | None = None
    """(N, K) probabilities of each tile's classes, of a bundle that judges tiles; None without one."""

    def __post_init__(self) -> None:
        """Refuse arrays that don't go together.

        Raises:
            DataError: They don't, or there is no tile.
        """
        check_arrays(self.name, self.rows.shape, self.coords.shape)
        wanted = (len(self), len(self.facts.score_names))
        if (self.scores is None) != (wanted[1] == 0) or (self.scores is not None and self.scores.shape != wanted):
            has = "none" if self.scores is None else self.scores.shape
            raise DataError(
                f"bag {self.name}: the shape of its scores is {has}; {wanted} goes with its tiles and classes"
            )

    def __len__(self) -> int:
        """N, the number of tiles."""
        return int(self.rows.shape[0])

    @property
    def name(self) -> str:
        """The slide's name."""
        return self.facts.name

    @property
    def size(self) -> int:
        """D, the length of a tile's features."""
        return int(self.rows.shape[1])

    def features(self, places: Places = EVERY) -> NDArray[np.float32]:
        """The features of some tiles: (n, D), in the order of `places`; a copy.

        Raises:
            DataError: They are not all finite numbers, or their file was changed or is damaged.
        """
        taken = np.array(self.rows[places], dtype=np.float32)
        if not np.isfinite(taken).all():
            row = int(np.flatnonzero(~np.isfinite(taken).all(axis=1))[0])
            tile = int(np.arange(len(self))[places][row])
            raise DataError(f"bag {self.name}: the features of tile {tile} are no finite numbers; compute them again")
        return taken


def check_arrays(name: str, features: Sequence[int], coords: Sequence[int]) -> None:
    """Refuse shapes that no bag has.

    Raises:
        DataError: They don't go together, or there is no tile.
    """
    if len(features) != 2 or len(coords) != 2 or coords[1] != 2:
        shapes = f"features of shape {tuple(features)} and coordinates of {tuple(coords)}"
        raise DataError(f"bag {name} has {shapes}; (N, D) and (N, 2) are wanted")
    if features[0] != coords[0]:
        raise DataError(
            f"bag {name} has {plural(features[0], 'tile')} and coordinates of {coords[0]}; compute it again"
        )
    if not features[0] or not features[1]:
        raise DataError(f"bag {name} is empty: its features have the shape {tuple(features)}; leave this slide out")


def joint_space(bags: Sequence[Bag]) -> FeatureSpace:
    """The one space that the features of all bags are in.

    Raises:
        DataError: There is no bag, or two are in different spaces, of different length, or of tiles of another size,
            µm/px or step: with another step a slide of the same tissue has another number of tiles, and where that goes
            with the label, a model would learn it.
    """
    if not bags:
        raise DataError("there is no bag; make some with `sentinode features`")
    first = bags[0]
    wanted = _kind(first)
    for bag in bags[1:]:
        if others := [pair for pair in zip(wanted, _kind(bag), strict=True) if pair[0] != pair[1]]:
            one, other = (", ".join(words) for words in zip(*others, strict=True))
            raise DataError(
                f"the features are not of one kind: {first.name} has {one}, {bag.name} has {other}; compute all of "
                "them alike"
            )
    return first.facts.space


def _kind(bag: Bag) -> tuple[str, ...]:
    """What has to be the same in all bags, each in words."""
    space, grid = bag.facts.space, bag.facts.grid
    return (
        f"{plural(bag.size, 'number')} a tile",
        f"features of {space.name}",
        f"the hash {space.sha256} of its network",
        f"tiles of {grid.tile_px if grid else space.tile_size} px",
        f"{grid.mpp:.4g} µm/px" if grid else "no µm/px",
        f"a step of {grid.step_px} px" if grid else "no step",
    )
