"""Images per second of frozen features: from the packed array to a table, against the bare engine.

    python benchmarks/features.py [--architecture squeezenet1_1] [--size 96] [--images 2048] [--rounds 9] [--json]

The bare engine gets the same images as one array in memory. Ours reads them from the packed, memory-mapped array,
looks at the answers, writes shards and joins them into a table; what opening a network costs (weights, exporting,
compiling) both have paid before. Rounds are interleaved in one process, so that a machine whose speed swings treats
them alike; the ratio is the median over the rounds' ratios. The load is given: beside other work only the ratio means
anything.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig, SplitConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.models.extractor import Extractor
from sentinode.models.model_config import ModelConfig
from sentinode.training.features import extraction
from sentinode.training.features.extraction import extract, open_for
from sentinode.training.features.feature_config import FeaturesConfig

TARGET = 0.9


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(cache=Path(folder) / "cache", threads=Settings.from_environment().threads)
        data = random_data(Path(folder) / "images", options.images, options.size, settings)
        config = FeaturesConfig(model=ModelConfig(architecture=options.architecture))
        ours, bare = measure(config, data, settings, options.rounds)
    result = {
        "architecture": options.architecture,
        "size": options.size,
        "images": options.images,
        "threads": settings.threads,
        "rounds": options.rounds,
        "load": round(os.getloadavg()[0], 1),
        "images_per_second": {
            "features": round(statistics.median(ours), 1),
            "bare engine": round(statistics.median(bare), 1),
        },
        "ratio": round(statistics.median(a / b for a, b in zip(ours, bare, strict=True)), 3),
        "target": TARGET,
    }
    print(json.dumps(result, indent=2) if options.json else _table(result))


def random_data(folder: Path, count: int, size: int, settings: Settings) -> Dataset:
    """A packed data set of `count` images of noise."""
    generator = np.random.default_rng(0)
    rows = []
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number}.png"
        Image.fromarray(generator.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path, compress_level=1)
        rows.append((path.name, "tumour" if number % 2 else "normal"))
    pd.DataFrame(rows, columns=["path", "label"]).to_csv(folder / "labels.csv", index=False)
    config = DataConfig(source=f"csv:{folder / 'labels.csv'}", split=SplitConfig(fractions=(1, 0, 0)))
    return load_dataset(config, cache=settings.cache, progress=Progress())


def measure(config: FeaturesConfig, data: Dataset, settings: Settings, rounds: int) -> tuple[list[float], list[float]]:
    """Images per second of ours and of the bare engine, round by round; a first round is not counted."""
    size = data.tiles.shape[1]
    extractor = open_for(config, size, settings=settings)
    tiles = np.array(data.tiles[data.manifest.table["row"].to_numpy()])

    def already_open(*_args: object, **_more: object) -> Extractor:
        return extractor

    extraction.open_for = already_open  # both use one network that is open

    def ours() -> None:
        shutil.rmtree(settings.cache / "features", ignore_errors=True)
        extract(config, data, settings=settings, progress=Progress())

    def bare() -> None:
        extractor.embed(tiles)

    def rate(run: Callable[[], None]) -> float:
        start = time.perf_counter()
        run()
        return len(tiles) / (time.perf_counter() - start)

    pairs = [(rate(ours), rate(bare)) for _ in range(rounds + 1)][1:]
    return [first for first, _ in pairs], [second for _, second in pairs]


def _table(result: dict[str, object]) -> str:
    rates = result["images_per_second"]
    assert isinstance(rates, dict)
    lines = [
        f"{result['architecture']}, {result['size']} px, {result['images']} images, {result['threads']} threads, "
        f"load {result['load']}",
        *(f"  {name:<22}{rate:>9,.1f} images/s" for name, rate in rates.items()),
        f"  features / bare engine {result['ratio']:>8} (target {result['target']})",
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--architecture", default="squeezenet1_1")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
