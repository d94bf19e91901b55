"""Stain normalisation: the map that stains an image as the training data is stained.

By Macenko's and Vahadane's methods it is one 3 × 3 matrix in optical density, so white stays white; by Reinhard's, mean
and deviation of colour are exchanged.
"""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from sentinode.core.stain.optical_density import DENSITY, StainError
from sentinode.core.stain.reinhard import ReinhardStatistics, lab, rgb
from sentinode.core.stain.stain_look import Look, Method, image_look
from sentinode.core.stain.stain_vectors import StainVectors, matrix

_PIECE_BYTES = 1 << 19
"""Of pixels at a time, so that their densities stay in a core's cache."""


class Normaliser(Protocol):
    """What gives tiles another stain."""

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8 RGB → the same shape."""
        ...


@dataclass(frozen=True)
class StainTarget:
    """The stain that every image is given before the network sees it."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    method: Method
    look: Look
    """That of the training data."""

    def normaliser(self, look: Look) -> Normaliser:
        """What takes images that are stained like `look` to the target."""
        if isinstance(look, StainVectors) and isinstance(self.look, StainVectors):
            return DensityMap(matrix(look, self.look))
        if isinstance(look, ReinhardStatistics) and isinstance(self.look, ReinhardStatistics):
            return ColourMap(look, self.look)
        raise TypeError(f"{type(look).__name__} was not estimated by {self.method}")

    def each(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Counter[str]]:
        """Normalise images by what each of them is stained like, whatever the others are.

        Args:
            tiles: (N, H, W, 3) uint8 RGB.

        Returns:
            The same shape, and how many images stayed as they are because their stain can't be told, by reason.
        """
        out, kept = np.ascontiguousarray(tiles).copy(), Counter[str]()
        for place, tile in enumerate(tiles):
            try:
                out[place] = self.normaliser(image_look(self.method, tile))(tile[None])[0]
            except StainError as error:
                kept[error.reason] += 1
        return out, kept


@dataclass(frozen=True, eq=False)
class DensityMap:
    """One 3 × 3 matrix in optical density."""

    matrix: NDArray[np.float32]
    """(3, 3): the density of a pixel, a column, is multiplied by it."""

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8 RGB → the same shape."""
        flat = np.ascontiguousarray(tiles).reshape(-1, 3)
        out = np.empty_like(flat)
        turned = -self.matrix.T
        for start in range(0, len(flat), _PIECE_BYTES // 12):
            piece = slice(start, start + _PIECE_BYTES // 12)
            light = DENSITY.take(flat[piece]) @ turned
            np.exp(light, out=light)
            light *= 256
            light -= 0.5  # half a value more than the shift by one, for the cut to an integer to round
            np.clip(light, 0, 255, out=light)
            out[piece] = light
        return out.reshape(tiles.shape)


@dataclass(frozen=True, eq=False)
class ColourMap:
    """Mean and deviation of L, a and b, exchanged."""

    source: ReinhardStatistics
    target: ReinhardStatistics

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8 RGB → the same shape."""
        scale = np.array(self.target.deviation, np.float32) / np.array(self.source.deviation, np.float32)
        offset = np.array(self.target.mean, np.float32) - scale * np.array(self.source.mean, np.float32)
        parts = [rgb(np.asarray(lab(tile) * scale + offset, np.float32)) for tile in tiles]
        return np.stack(parts) if parts else np.empty_like(tiles)
