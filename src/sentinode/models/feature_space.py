"""What a vector of features means: two vectors may be compared, or shown to one classifier, only if this is equal."""

from dataclasses import dataclass


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
