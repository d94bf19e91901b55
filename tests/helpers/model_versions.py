"""Versions of one model: small bundles of one input contract, that answer differently."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from helpers import model_makers
from sentinode.core.images import pixel_hash
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_writer import write_bundle
from sentinode.training.recipe import parse_recipe


def write_version(
    folder: Path, temperature: float = 1.3, *, seen: Iterable[Path] | None = None, **changes: Any
) -> Bundle:
    """A bundle for tiles of 30 px, untrained, said to have learned from image files; `changes` are other values of
    `bundle.json`."""
    deployed, info = model_makers.make_deployed("plain", temperature)
    recipe = parse_recipe({"data": {"source": "folder:elsewhere"}, "model": model_makers.KINDS["plain"]}, "plain")
    provenance = info.provenance.model_copy(update={"recipe": recipe.model_dump(mode="json")})
    info = info.model_copy(update={"provenance": provenance, **changes})
    tiles = np.random.default_rng(2).integers(0, 256, (3, 30, 30, 3)).astype(np.uint8)
    reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
    hashes = None if seen is None else {"train": np.sort(np.array([_pixels(file) for file in seen], np.uint64))}
    return write_bundle(folder, info, deployed, example_tiles=tiles, reference=reference, seen=hashes)


def _pixels(file: Path) -> int:
    return int(pixel_hash(np.asarray(Image.open(file).convert("RGB"))), 16)
