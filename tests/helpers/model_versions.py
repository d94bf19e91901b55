"""Versions of one model: small bundles of one input contract, that answer differently."""

from pathlib import Path
from typing import Any

import numpy as np

from helpers import model_makers
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_writer import write_bundle
from sentinode.training.recipe import parse_recipe


def write_version(folder: Path, temperature: float = 1.3, **changes: Any) -> Bundle:
    """A bundle for tiles of 30 px, untrained; `changes` are other values of `bundle.json`."""
    deployed, info = model_makers.make_deployed("plain", temperature)
    recipe = parse_recipe({"data": {"source": "folder:elsewhere"}, "model": model_makers.KINDS["plain"]}, "plain")
    provenance = info.provenance.model_copy(update={"recipe": recipe.model_dump(mode="json")})
    info = info.model_copy(update={"provenance": provenance, **changes})
    tiles = np.random.default_rng(2).integers(0, 256, (3, 30, 30, 3)).astype(np.uint8)
    reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
    return write_bundle(folder, info, deployed, example_tiles=tiles, reference=reference)
