"""What a vector of features means: two vectors may be compared, or shown to one classifier, only if this is equal."""

from dataclasses import dataclass, replace
from typing import Self

from sentinode.core.files import sha256_of_json
from sentinode.models.model_config import TilePooling


@dataclass(frozen=True)
class FeatureSpace:
    """The origin of features: how they were computed, down to the weights."""

    kind: str
    """`network`, or the descriptor's name."""

    name: str
    """For people: a bundle's name, an architecture with its weights, or the descriptor's name."""

    tile_size: int
    """Side in pixels of the tiles that they are computed from."""

    sha256: str
    """Over weights, preprocessing, pooling and test-time averaging, or over what defines the descriptor."""

    pooling: tuple[TilePooling, ...] = ()
    """What is taken over each image's tiles, where images were cut into tiles, one behind the other."""

    def pooled(self, pooling: tuple[TilePooling, ...]) -> Self:
        """The space of images that are cut into such tiles."""
        name = f"{self.name}, {' and '.join(pooling)} over tiles of {self.tile_size} px"
        return replace(self, name=name, sha256=sha256_of_json([self.sha256, pooling]), pooling=pooling)
