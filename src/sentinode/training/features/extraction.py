"""Features of every image of a data set, from the packed array to one table; kept in the cache."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataError, WeightsError
from sentinode.core.files import atomic_file, sha256_of_json, storage_errors
from sentinode.core.progress import Advance, Progress
from sentinode.core.result_folder import locked
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, Images
from sentinode.models.bundle import open_bundle
from sentinode.models.engines.engine_factory import engine_name
from sentinode.models.extractor import Embedded, Extractor, open_extractor
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.model_config import TilePooling
from sentinode.training.features.descriptors import DESCRIPTORS, columns_of, space_of
from sentinode.training.features.feature_config import FeaturesConfig
from sentinode.training.features.feature_table import FeatureTable

_VERSION = 1  # counted up when the form of the cached files changes: older ones are then left alone
_FIRST_STEP, _LARGEST_STEP = 32, 2048  # images between two looks at the clock
_STEP_SECONDS = 1.0
_SHARD_SECONDS = 20.0  # at most so much work is lost when the process is killed


@dataclass(frozen=True)
class _Describer:
    """How tiles (N, H, W, 3) become features, whatever kind they are of."""

    space: FeatureSpace
    columns: tuple[str, ...]
    score_names: tuple[str, ...]
    describe: Callable[[NDArray[np.uint8]], Embedded]


def extract(
    config: FeaturesConfig, data: Dataset, *, settings: Settings, progress: Progress, engine: str = "auto"
) -> FeatureTable:
    """The features of all images of a data set, from the cache as far as it has them.

    Identical images are computed once. Stopped at any moment, the next call goes on where it was; of two processes that
    want the same, one works and the other waits.

    Args:
        config: What is computed.
        data: Checked, split and packed images, all of one size, or cut into tiles of one size.
        settings: The machine's; the cache is below `settings.cache / "features"`.
        progress: Where to show how far it is.
        engine: `auto`, `openvino` or `torch`, for a network.

    Returns:
        One row for each sample of the manifest, in its order.

    Raises:
        SentinodeError: There is no such engine.
        DataError: The images are not square, or not of the bundle's size; or tiles are to be pooled and there are none.
        BundleError, WeightsError, RecipeError, OfflineError: The network can't be had.
        StorageError: The disk is full.
    """
    if data.tile_size is None and config.pool != ("mean",):
        raise DataError(f"features.pool = {list(config.pool)} is of tiles; set data.tile_size to cut images into them")
    engine_name(engine, "float32")  # a misspelt engine is refused also where none has to run
    describer = _describer(config, data.tiles.shape, settings, engine)
    samples = data.manifest.table
    # In the order of the packed array, which is read from a disk perhaps.
    distinct = samples.drop_duplicates("pixels").sort_values("row", kind="stable")
    first = distinct["row"].to_numpy(np.int64)
    counts = np.array([data.pack.count(row) for row in first.tolist()], dtype=np.int64)
    rows = np.concatenate([np.arange(row, row + count) for row, count in zip(first, counts, strict=True)])
    key = sha256_of_json([_VERSION, describer.space.sha256, distinct["pixels"].tolist()])
    store = _Store(settings.cache / "features" / key[:32])
    unit = "images" if data.tile_size is None else "tiles"
    found = _fill(store, describer, Images(data.tiles, rows), progress, unit)
    if data.tile_size is not None:
        # What is kept is of tiles, so that another way to pool them computes nothing.
        describer, found = _pooled(describer, found, counts, config.pool)
    place = pd.Index(distinct["pixels"]).get_indexer(pd.Index(samples["pixels"]))
    return _table(data, describer, found, place)


def _pooled(
    describer: _Describer, found: Embedded, counts: NDArray[np.int64], pooling: tuple[TilePooling, ...]
) -> tuple[_Describer, Embedded]:
    """Features of images out of those of their tiles; of probabilities always the mean.

    Args:
        describer: Of tiles.
        found: Of all tiles, each image's side by side.
        counts: Tiles of each image.
        pooling: What is taken over them.
    """
    firsts = np.cumsum([0, *counts[:-1]])

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        sums = np.add.reduceat(values, firsts, axis=0, dtype=np.float64)
        return np.asarray(sums / counts[:, None], dtype=np.float32)

    def largest(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.maximum.reduceat(values, firsts, axis=0), dtype=np.float32)

    kinds = {"mean": mean, "max": largest}
    values = np.concatenate([kinds[kind](found.embedding) for kind in pooling], axis=1)
    probabilities = None if found.probabilities is None else mean(found.probabilities)
    columns = tuple(f"{name}_{kind}" for kind in pooling for name in describer.columns)
    of_images = replace(describer, space=describer.space.pooled(pooling), columns=columns)
    return of_images, Embedded(values, probabilities)


def open_for(config: FeaturesConfig, tile_size: int, *, settings: Settings, engine: str = "auto") -> Extractor:
    """The frozen network that a configuration names; errors as for `open_extractor`.

    Raises:
        DataError: The features are those of a descriptor, which has no network.
    """
    if config.kind != "network":
        raise DataError(f"features of kind {config.kind!r} have no network; use kind = 'network'")
    bundle = open_bundle(config.bundle) if config.bundle else None
    return open_extractor(bundle, config.model, tile_size=tile_size, engine=engine, threads=settings.threads)


def _describer(config: FeaturesConfig, shape: tuple[int, ...], settings: Settings, engine: str) -> _Describer:
    height, width = shape[1:3]
    if height != width:
        raise DataError(f"the images are {width}×{height} px; features need square ones: crop or pad them first")
    if config.kind != "network":
        kind = config.kind

        def describe(tiles: NDArray[np.uint8]) -> Embedded:
            # scikit-image lets other threads run while it computes.
            with ThreadPoolExecutor(settings.threads) as pool:
                parts = pool.map(DESCRIPTORS[kind], np.array_split(tiles, min(settings.threads, len(tiles))))
                return Embedded(np.concatenate(list(parts)), None)

        return _Describer(space_of(kind, height), columns_of(kind), (), describe)
    extractor = open_for(config, height, settings=settings, engine=engine)
    columns = tuple(f"f{number:04d}" for number in range(extractor.embedding_size))
    return _Describer(extractor.space, columns, extractor.score_names, extractor.embed)


class _Store:
    """A folder of shards, each with the answers for some images in a row, and named by the first one's number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: list[Embedded] = []

    @property
    def done(self) -> int:
        """Images that there are answers for, from the first on without a gap."""
        return sum(len(part.embedding) for part in self.parts)

    def read(self) -> None:
        """Read the shards up to the first that is missing or damaged."""
        while (path := self._next()).is_file():
            try:
                # Opened here: numpy leaves a file open that it finds damaged.
                with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                    self.parts.append(Embedded(arrays["embedding"], arrays.get("probabilities")))
            except (OSError, ValueError, KeyError, BadZipFile):
                return  # computed again, and written over

    def append(self, parts: list[Embedded]) -> None:
        """Write the answers for the next images as one shard."""
        joined = _joined(parts)
        arrays = {name: array for name, array in joined._asdict().items() if array is not None}
        with atomic_file(self._next()) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        self.parts.append(joined)

    def _next(self) -> Path:
        return self.folder / f"{self.done:09d}.npz"


def _fill(store: _Store, describer: _Describer, images: Images, progress: Progress, unit: str) -> Embedded:
    with storage_errors(store.folder):
        store.folder.mkdir(parents=True, exist_ok=True)
        with locked(store.folder / "lock", wait=True):
            store.read()
            if store.done < len(images):
                with progress.bar("features", len(images), unit, done=store.done) as advance:
                    _compute(store, describer, images, advance)
    return _joined(store.parts)


def _compute(store: _Store, describer: _Describer, images: Images, advance: Advance) -> None:
    parts: list[Embedded] = []
    start, step = store.done, _FIRST_STEP
    written = time.monotonic()
    while start < len(images):
        began = time.monotonic()
        parts.append(_checked(describer.describe(images[start : start + step])))
        start += len(parts[-1].embedding)
        advance(len(parts[-1].embedding))
        now = time.monotonic()
        if now - began < _STEP_SECONDS:
            step = min(2 * step, _LARGEST_STEP)
        if now - written > _SHARD_SECONDS or start >= len(images):
            store.append(parts)
            parts, written = [], now


def _checked(answers: Embedded) -> Embedded:
    if not np.isfinite(answers.embedding).all():
        raise WeightsError("the network gives numbers that are not finite; its weights are damaged or not for it")
    return answers


def _joined(parts: list[Embedded]) -> Embedded:
    scores = [part.probabilities for part in parts if part.probabilities is not None]
    return Embedded(np.concatenate([part.embedding for part in parts]), np.concatenate(scores) if scores else None)


def _table(data: Dataset, describer: _Describer, found: Embedded, place: NDArray[np.integer]) -> FeatureTable:
    """The table of the manifest's samples, whose answers are at these places in `found`."""
    manifest, samples = data.manifest, data.manifest.table
    number = {name: position for position, name in enumerate(manifest.class_names)}
    groups = samples["group"]
    return FeatureTable(
        ids=samples["id"].tolist(),
        paths=samples["path"].tolist(),
        labels=np.asarray(samples["label"].map(number), dtype=np.int64),
        groups=None if groups.isna().any() else groups.tolist(),
        splits=samples["split"].tolist(),
        class_names=manifest.class_names,
        positive=manifest.positive,
        values=found.embedding[place],
        columns=describer.columns,
        probabilities=None if found.probabilities is None else found.probabilities[place],
        space=describer.space,
        data_sha256=manifest.hash,
        score_names=describer.score_names,
    )
