"""Tiles straight from the tissue of slides, without labels: what pretraining learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.slides.mpp import COARSEST, FINEST

TILES_FILE = "tiles.npy"
PLACES_FILE = "tiles.parquet"


class TissueTilesConfig(BaseModel):
    """Which tiles are drawn from slides: `[slides]` of a recipe of pretraining."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    """Of the slides, or one slide."""
    size_px: int = Field(default=96, ge=8, le=4096)
    """Side of a tile in pixels at `mpp`."""
    mpp: float = Field(default=0.972, gt=0, allow_inf_nan=False)
    """µm/px of the tiles; the default is PatchCamelyon's."""
    per_slide: int = Field(default=2000, ge=1)
    """At most so many tiles from one slide, chosen at random."""
    min_tissue: float = Field(default=0.5, ge=0, le=1)
    """Least part of a tile that is tissue."""
    slide_mpp: float | None = Field(default=None, ge=FINEST, le=COARSEST, allow_inf_nan=False)
    """µm/px of level 0, for slides that don't say it."""
    series: int | None = Field(default=None, ge=0)
    """Which of several pictures in a slide's file, from 0; None: the only one."""
    seed: int = Field(default=42, ge=0)
    """Seed of the tiles taken."""

    @property
    def grid(self) -> TilesConfig:
        """The same as tiles of annotated slides are drawn by."""
        same = ("size_px", "mpp", "per_slide", "min_tissue", "slide_mpp", "series", "seed")
        return TilesConfig.model_validate({name: getattr(self, name) for name in same})


@dataclass(frozen=True, eq=False)
class TissueTiles:
    """What was drawn."""

    tiles: NDArray[np.uint8]
    """(N, H, W, 3), a memory map."""
    slides: tuple[str, ...]
    """(N,) the slide of each."""
    failures: tuple[str, ...]
    """Slides that gave none, with the reason."""


def read_tissue_tiles(folder: Path, failures: Sequence[str] = ()) -> TissueTiles:
    """What was drawn into a folder earlier."""
    places = pd.read_parquet(folder / PLACES_FILE)
    tiles = np.load(folder / TILES_FILE, mmap_mode="r")[: len(places)]
    return TissueTiles(tiles, tuple(places["slide"]), tuple(failures))
