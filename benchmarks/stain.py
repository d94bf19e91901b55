"""What stain normalisation costs a scan: the engine behind a slide's map against the bare engine, on tiles in memory.

    python benchmarks/stain.py [--bundle pcam] [--tiles 512] [--rounds 15] [--threads 2] [--json]

The map is one 3 × 3 matrix in optical density, found once a slide. `--method reinhard` measures the exchange of mean
and deviation of colour, `each` the road of single patches, which estimates every one of them. Rounds are interleaved in
one process; a ratio is the median over the rounds' ratios.
"""

import argparse
import json

import numpy as np
from numpy.typing import NDArray

from interleaving import interleave
from sentinode.core.settings import Settings
from sentinode.core.stain.normaliser import StainTarget
from sentinode.core.stain.reinhard import ReinhardStatistics
from sentinode.core.stain.stain_look import Look
from sentinode.core.stain.stain_vectors import StainVectors
from sentinode.models.bundle import open_bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.engines.stain_engine import StainEngine

TARGET = 0.97
_SOURCE = StainVectors((0.57, 0.68, 0.46), (0.24, 0.89, 0.37), (2.2, 1.2))
_GOAL = StainVectors((0.59, 0.69, 0.42), (0.30, 0.88, 0.36), (1.8, 1.0))
_COLOURS = ReinhardStatistics((57, 21, -16), (18, 7, 6)), ReinhardStatistics((52, 24, -18), (20, 9, 8))


def main() -> None:
    """Measure and print."""
    options = _options()
    engine = open_engine(open_bundle(options.bundle), threads=options.threads)
    tiles = _tiles(options.tiles, engine.info.input.tile_size)
    runs = {"normalised": _normalising(engine, options.method), "bare engine": engine}
    rates = interleave(
        {name: lambda run=run: len(run.predict(tiles).probabilities) for name, run in runs.items()},  # type: ignore[misc]
        options.rounds,
    )
    result = rates.compared("normalised", "bare engine", TARGET)
    shown = {"bundle": options.bundle, "method": options.method, "threads": options.threads, **result}
    print(json.dumps(shown, indent=2) if options.json else "\n".join(f"{key}: {value}" for key, value in shown.items()))


def _normalising(engine: Engine, method: str) -> Engine:
    look: Look | None
    look, target = _COLOURS[0], StainTarget("reinhard", _COLOURS[1])
    if method != "reinhard":
        look, target = _SOURCE, StainTarget("macenko", _GOAL)
    return StainEngine(engine, target, None if method == "each" else look)


def _tiles(count: int, side: int) -> NDArray[np.uint8]:
    """Haematoxylin and eosin in any amounts: what a tile shows does not change what it costs."""
    amounts = np.random.default_rng(0).uniform(0.05, 1, (count, side, side, 2)) * _SOURCE.strengths
    return np.asarray(np.rint(256 * np.exp(-amounts @ _SOURCE.columns.T) - 1).clip(0, 255), np.uint8)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bundle", default="pcam")
    parser.add_argument("--method", choices=("macenko", "reinhard", "each"), default="macenko")
    parser.add_argument("--tiles", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=Settings.from_environment().threads)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
