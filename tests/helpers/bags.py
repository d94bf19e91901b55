"""Makers of bags, and of files as other programs write them."""

import hashlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import Bag, BagFacts, BagGrid, BagSlide


def make_bag(
    name: str, *, tiles: int = 6, size: int = 4, network: str = "drawn", mpp: float = 0.5, step: int = 96,
    classes: tuple[str, ...] = (),
) -> Bag:  # fmt: skip
    """A bag of random features that are a function of its name; its tiles lie in rows of five."""
    random = np.random.default_rng(list(name.encode()))
    x, y = np.arange(tiles) % 5 * 96, np.arange(tiles) // 5 * 96
    space = FeatureSpace("network", network, 96, hashlib.sha256(network.encode()).hexdigest())
    slide = BagSlide(
        file=f"{name}.tif", width=480, height=-(-tiles // 5) * 96, mpp_x=mpp, mpp_y=mpp, sha256_of_ends="0" * 64
    )
    grid = BagGrid(tile_px=96, mpp=mpp, step_px=step)
    facts = BagFacts(name=name, space=space, grid=grid, slide=slide, score_names=classes, key="1" * 64)
    scores = random.dirichlet(np.ones(len(classes)), tiles).astype(np.float32) if classes else None
    features = random.normal(size=(tiles, size)).astype(np.float16)
    return Bag(facts, features, np.stack([x, y], axis=1).astype(np.int64), scores)


def write_as_trident(
    path: Path, features: NDArray[Any], coords: NDArray[Any], encoder: str | None = "uni_v1", chunk: int = 1,
    **stated: Any,
) -> None:  # fmt: skip
    """As `trident.IO.save_h5` does: in chunks that can grow, with its attributes, of which some are `stated` otherwise.

    `encoder` None: it didn't know.
    """
    with h5py.File(path, "w") as file:
        for name, values in (("features", features), ("coords", coords)):
            shape, rest = values.shape, values.shape[1:]
            array = file.create_dataset(name, shape, values.dtype, maxshape=(None, *rest), chunks=(chunk, *rest))
            array[:] = values
        file["features"].attrs.update({"name": path.stem, "savetodir": "features", "encoder": encoder or "None"})
        file["coords"].attrs.update(
            {
                "patch_size": 256,
                "patch_size_level0": 512,
                "level0_magnification": 40,
                "target_magnification": 20,
                "overlap": 32,
                "name": path.stem,
                "savetodir": "patches",
                "level0_width": 90_000,
                "level0_height": 70_000,
                **stated,
            }
        )
