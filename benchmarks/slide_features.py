"""How fast the features of a slide are computed beside a scan of it, and what a bag of 100,000 tiles takes.

    python benchmarks/slide_features.py SLIDE [--bundle pcam] [--rounds 3] [--threads 2] [--tiles 100000] [--size 1280]

The rate: features and scans of the same slide by the same bundle, in turn in one process, each from the call to the
finished file or folder; the median over the rounds' ratios. The bag: kept batch by batch, written, read as a whole and
in samples of 512 tiles, each in a process of its own, with its time and the most memory that was resident beyond that
of a process that imported the same and did nothing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from interleaving import interleave
from peak_memory import peak_bytes
from sentinode.core.settings import Settings
from sentinode.models.bundle import open_bundle
from sentinode.models.extractor import Embedded, open_extractor
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import Bag, BagFacts
from sentinode.models.mil.bag_file import read_bag, write_bag
from sentinode.scanning.feature_progress import FeatureProgress
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.scan import scan_slide
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.slide_features import FeatureWork, slide_features
from sentinode.scanning.tiling_config import Machine

_SAMPLE, _SAMPLES = 512, 100
_SLAB, _BATCH = 8192, 256


def rate(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Features against the scan; engines are loaded before."""
    bundle, config, machine = open_bundle(options.bundle), ScanConfig(), Machine(options.threads)
    engine = LazyEngine(bundle, config.resolved(bundle.info), options.threads)
    engine.get()
    extractor = open_extractor(bundle, None, tile_size=bundle.info.input.tile_size, threads=options.threads)
    extractor.open()
    work = FeatureWork(extractor, engine.name, engine.plan)

    def features() -> int:
        shutil.rmtree(folder / "features", ignore_errors=True)
        header = slide_features(work, options.slide, folder / "features", machine).header
        assert header is not None
        return header.tiles

    def scan() -> int:
        shutil.rmtree(folder / "scans", ignore_errors=True)
        (folder / "scans").mkdir()
        record = scan_slide(engine, options.slide, folder / "scans", machine).record
        assert record.status == "finished", record.failure
        return record.tiles.scanned

    compared = interleave({"features": features, "scan": scan}, options.rounds).compared("features", "scan")
    kept = folder / "features" / f"{options.slide.stem}.h5"
    return {**compared, "tiles": features(), "file_mb": round(kept.stat().st_size / 1e6, 1)}


def _keep(path: Path, tiles: int, size: int) -> None:
    """As while a slide is read: batch after batch."""
    random = np.random.default_rng(0)
    with _progress(path, tiles, size) as done:
        for start in range(0, tiles, _BATCH):
            count = min(_BATCH, tiles - start)
            done.append(Embedded(random.standard_normal((count, size), np.float32), None), [])


def _write(path: Path, tiles: int, size: int) -> None:
    """As at the end of a slide, out of what was kept; after a kill that is read first."""
    space = FeatureSpace("network", "drawn", 96, "0" * 64)
    with _progress(path, tiles, size) as done:
        write_bag(path, Bag(BagFacts(name="big", space=space), done.rows(), np.zeros((tiles, 2), np.int64)))


def _progress(path: Path, tiles: int, size: int) -> FeatureProgress:
    return FeatureProgress(path.with_suffix(".kept"), "0" * 64, tiles=tiles, size=size, classes=0, batch=_BATCH)


def _read(path: Path, tiles: int, _size: int) -> None:
    bag = read_bag(path)
    for start in range(0, tiles, _SLAB):
        bag.features(slice(start, start + _SLAB))


def _sample(path: Path, tiles: int, _size: int) -> None:
    bag, random = read_bag(path), np.random.default_rng(0)
    for _ in range(_SAMPLES):
        bag.features(random.choice(tiles, _SAMPLE, replace=False))


def _nothing(_path: Path, _tiles: int, _size: int) -> None: ...


_STEPS: dict[str, Callable[[Path, int, int], None]] = {
    "nothing": _nothing,
    "kept": _keep,
    "written": _write,
    "read in slabs": _read,
    f"{_SAMPLES} samples of {_SAMPLE}": _sample,
}


def big_bag(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Seconds and memory of each step."""
    path = folder / "big.h5"
    found: dict[str, object] = {"tiles": options.tiles, "size": options.size}
    idle = 0.0
    for step in _STEPS:
        words = [sys.executable, __file__, path, "--step", step, "--tiles", options.tiles, "--size", options.size]
        said = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout
        seconds, peak = json.loads(said)
        if step == "nothing":
            idle = peak
            continue
        found[step] = {"seconds": round(seconds, 2), "peak_mb_beyond": round((peak - idle) / 1e6, 1)}
    return {**found, "file_mb": round(path.stat().st_size / 1e6, 1)}


def main() -> None:
    """Measure and print."""
    options = _options()
    if options.step:
        start = time.perf_counter()
        _STEPS[options.step](options.slide, options.tiles, options.size)
        print(json.dumps([time.perf_counter() - start, peak_bytes()]))
        return
    with tempfile.TemporaryDirectory() as folder:
        load = round(os.getloadavg()[0], 1)
        result = {"rate": rate(options, Path(folder)), "bag": big_bag(options, Path(folder))}
        print(json.dumps({**result, "threads": options.threads, "load_before": load}, indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("slide", type=Path, help="A slide with enough tissue for a scan of some seconds.")
    parser.add_argument("--bundle", default="pcam")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=Settings.from_environment().threads)
    parser.add_argument("--tiles", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=1280, help="Numbers of a tile.")
    parser.add_argument("--step", choices=_STEPS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
