"""What a backbone costs on this machine: measured, never looked up."""

import statistics
import time
from dataclasses import dataclass

import numpy as np

from sentinode.models.backbones import Backbone
from sentinode.models.extractor import open_extractor

_ANY_SIZE = 224
"""Side in pixels of the tiles for networks that take any, so that costs compare."""

_SECONDS = 2.0  # of a round, about
_ROUNDS = 3
_MOST_TILES = 64  # a round


@dataclass(frozen=True)
class Cost:
    """The time of one tile among many, from bytes to embedding."""

    milliseconds: float
    """Median over the rounds."""
    tile_size: int
    engine: str
    threads: int


def measure_cost(row: Backbone, *, threads: int, engine: str = "auto") -> Cost:
    """Build the network with random weights, which cost what any others do, and time it.

    Memory: several times `row.gigabytes`.

    Args:
        row: The backbone.
        threads: CPU threads.
        engine: As for `open_engine`.

    Raises:
        SentinodeError: There is no such engine.
    """
    size = row.input_size or _ANY_SIZE
    model = row.model.model_copy(update={"weights": "none", "input_size": size})
    extractor = open_extractor(None, model, tile_size=size, engine=engine, threads=threads)
    tiles = np.random.default_rng(0).integers(0, 256, (_MOST_TILES, size, size, 3), dtype=np.uint8)
    extractor.embed(tiles[:1])  # opens the engine, and makes what is made once
    start = time.perf_counter()
    extractor.embed(tiles[:1])
    count = int(np.clip(_SECONDS / (time.perf_counter() - start), 1, _MOST_TILES))
    rounds = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        extractor.embed(tiles[:count])
        rounds.append((time.perf_counter() - start) / count)
    return Cost(1000 * statistics.median(rounds), size, extractor.engine_name, threads)
