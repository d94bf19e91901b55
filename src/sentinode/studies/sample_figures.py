"""What drawn patches are worth by themselves: distances to real ones, precision and recall, and the test for copies."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.metrics.synthesis.copy_test import CopyTest, copy_test
from sentinode.metrics.synthesis.sample_quality import SampleQuality, sample_quality
from sentinode.models.extractor import Extractor, open_extractor
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.weights import weights_named
from sentinode.training.synthesis.generator import to_bytes
from sentinode.training.synthesis.synthesis_fit import as_seen
from sentinode.training.synthesis.synthesis_images import RealImages, SynthesisImages
from sentinode.training.synthesis.synthesis_recipe import SynthesisRecipe

_BATCH = 256
_FEWEST = 20


@dataclass(frozen=True)
class SampleFigures:
    """Figures of one generator."""

    drawn: SampleQuality
    """Drawn images against real ones of validation."""
    floor: SampleQuality
    """As many training images against the same: what a perfect generator would come to."""
    copies: CopyTest
    by: str
    """Whose features they are, in words."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "features": self.by,
            "drawn": self.drawn.to_json(),
            "real": self.floor.to_json(),
            "copies": self.copies.to_json(),
        }


@dataclass(frozen=True, eq=False)
class SampleMeasure:
    """Measures drawn images against the same real ones, whose features are computed once."""

    extractor: Extractor
    side: int
    learned: NDArray[np.float64]
    """(N, D) of all images that were learned from, each the mean over its eight orientations."""
    held_out: NDArray[np.float64]
    """(H, D) the same of images held out."""
    real: NDArray[np.float64]
    """(H, D) of images held out, as they are."""
    others: NDArray[np.float64]
    """(H, D) of as many training images, as they are."""
    scale: float
    """By which all features are divided, so that the mean square of those held out is 1: networks differ in it by
    orders of magnitude, which the kernel cubes."""

    @cached_property
    def floor(self) -> SampleQuality:
        """Of training images."""
        return sample_quality(self.real, self.others)

    def of(self, drawn: NDArray[np.uint8]) -> SampleFigures:
        """The figures of (M, S, S, 3) drawn images."""
        plain, turned = (part / self.scale for part in _embedded(self.extractor, drawn, self.side))
        return SampleFigures(
            sample_quality(self.real, plain),
            self.floor,
            copy_test(turned, self.learned, self.held_out),
            f"{self.extractor.space.name}, images of {self.side} px",
        )


def open_measure(recipe: SynthesisRecipe, images: SynthesisImages, threads: int) -> SampleMeasure:
    """Embed the real images that drawn ones are held against.

    Args:
        recipe: Whose features, and how many images.
        images: What the generator learns from, and what is held out.
        threads: CPU threads.

    Raises:
        RecipeError, WeightsError, OfflineError: The network that measures can't be had.
        DataError: Too few images are held out.
    """
    side, seed = recipe.synthesis.side, recipe.seed
    extractor = open_measuring_network(recipe, threads)
    held_out, others = (part.drawn(recipe.measure.images, seed) for part in (images.held_out, images.learned))
    if len(held_out.classes) < _FEWEST:
        raise DataError(
            f"different images of validation: {len(held_out.classes)}; {_FEWEST} are needed to measure drawn ones by"
        )
    real, turned = _embedded(extractor, held_out.images[:], side)
    scale = max(float(np.sqrt((real**2).mean())), 1e-12)
    return SampleMeasure(
        extractor,
        side,
        _embedded_all(extractor, images.learned, side) / scale,
        turned / scale,
        real / scale,
        _embedded(extractor, others.images[:], side)[0] / scale,
        scale,
    )


def open_measuring_network(recipe: SynthesisRecipe, threads: int) -> Extractor:
    """The frozen network of `[measure]`; errors as for `open_measure`."""
    model = ModelConfig(architecture=recipe.measure.architecture, weights=recipe.measure.weights)
    # Torch, not OpenVINO: nothing has to be exported, which takes longer than to embed a few thousand small images.
    with weights_named("measure.weights"):
        return open_extractor(None, model, tile_size=recipe.synthesis.side, engine="torch", threads=threads)


def reduced(tiles: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """(N, H, W, 3) → (N, side, side, 3), as the generator has seen them."""
    return to_bytes(as_seen(tiles, side))


def _embedded_all(extractor: Extractor, real: RealImages, side: int) -> NDArray[np.float64]:
    parts = [
        _embedded(extractor, real.images[start : start + _BATCH], side)[1]
        for start in range(0, len(real.classes), _BATCH)
    ]
    return np.concatenate(parts)


def _embedded(
    extractor: Extractor, tiles: NDArray[np.uint8], side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, D) of the images as they are, and the mean over their eight orientations, in which a turned copy is one."""
    tiles = reduced(tiles, side)
    turns = [np.rot90(each, quarter, (1, 2)) for each in (tiles, tiles[:, :, ::-1]) for quarter in range(4)]
    found = [extractor.embed(np.ascontiguousarray(each)).embedding.astype(np.float64) for each in turns]
    return found[0], np.mean(found, axis=0)
