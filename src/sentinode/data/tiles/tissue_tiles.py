"""Tiles straight from the tissue of slides, without labels: what pretraining learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.data.tile_map import map_tiles
from sentinode.data.tiles.tiles_config import Count, Share, TileMpp, TilePlaces, TilePx

TILES_FILE = "tiles.npy"
PLACES_FILE = "tiles.parquet"


class TissueTilesConfig(TilePlaces):
    """Which tiles are drawn from slides: `[slides]` of a recipe of pretraining."""

    folder: str
    """Of the slides, or one slide."""
    size_px: TilePx = 96
    """Side of a tile in pixels at `mpp`."""
    mpp: TileMpp = 0.972
    """µm/px of the tiles; the default is PatchCamelyon's."""
    per_slide: Count = 2000
    """At most so many tiles from one slide, chosen at random."""
    min_tissue: Share = 0.5
    """Least part of a tile that is tissue."""


@dataclass(frozen=True, eq=False)
class TissueTiles:
    """What was drawn."""

    tiles: NDArray[np.uint8]
    """(M, H, W, 3), mapped from the disk and never resident as a whole; the first N of them are what was drawn."""
    slides: tuple[str, ...]
    """(N,) the slide of each."""
    failures: tuple[str, ...]
    """Slides that gave none, with the reason."""


def read_tissue_tiles(folder: Path, failures: Sequence[str] = ()) -> TissueTiles:
    """What was drawn into a folder earlier."""
    places = pd.read_parquet(folder / PLACES_FILE)
    return TissueTiles(map_tiles(folder / TILES_FILE), tuple(places["slide"]), tuple(failures))
