"""Fitting and running slide models: seconds an epoch of every method, and time and memory of a slide of 100,000 tiles.

    python benchmarks/slide_models.py [--slides 500] [--tiles 2000] [--size 512] [--large 100000] [--rounds 3] [--json]

Fits see drawn bags, float16 in memory; an epoch is one step for every eight slides and a look at the validation slides.
The peer is torchmil's gated ABMIL on the same batches, in the same process, a round of each method after the other, so
that a machine whose speed swings treats them alike. Seconds are processor time, and the ratio is the median over the
rounds' ratios. A large slide is judged by a process of its own, from a file; its peak is the process's, what it had
before it looked being given, too. The peer there is mean pooling.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import nn
from torchmil.models import ABMIL

from peak_memory import peak_bytes
from sentinode.core.decision import OperatingPoint
from sentinode.core.settings import Settings
from sentinode.models.bundle_info import Provenance
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.aggregator_config import METHODS, AggregatorConfig, Method
from sentinode.models.mil.aggregators.table import build_aggregator
from sentinode.models.mil.bag_view import ArrayBag
from sentinode.models.mil.slide_bundle import open_slide_bundle
from sentinode.models.mil.slide_bundle_info import SlideBundleInfo, SlideCalibration
from sentinode.models.mil.slide_bundle_writer import write_slide_bundle
from sentinode.models.mil.slide_engine import SlideEngineName, open_slide_engine
from sentinode.training.mil.bag_batches import BagBatches
from sentinode.training.mil.mil_config import MilConfig
from sentinode.training.mil.mil_fit import fit_aggregator

_PEER = "torchmil ABMIL"


def main() -> None:
    """Measure and print."""
    options = _options()
    if options.look:
        print(json.dumps(look(Path(options.look[0]), options.look[1], Path(options.look[2]))))
        return
    threads = Settings.from_environment().threads
    torch.set_num_threads(threads)
    result = {
        "slides": options.slides,
        "tiles": options.tiles,
        "size": options.size,
        "threads": threads,
        "rounds": options.rounds,
        "load": round(os.getloadavg()[0], 1),
        "epoch": measure_epochs(drawn(options.slides, options.tiles, options.size), options.rounds),
        "large_tiles": options.large,
        "large": measure_large(options.large, options.size),
    }
    print(json.dumps(result, indent=2) if options.json else _table(result))


def drawn(slides: int, tiles: int, size: int) -> list[ArrayBag]:
    """Bags of noise, of half to one and a half times as many tiles."""
    generator = np.random.default_rng(0)
    bags = []
    for slide in range(slides):
        count = int(generator.integers(tiles // 2, tiles * 3 // 2 + 1))
        features = generator.standard_normal((count, size), dtype=np.float32).astype(np.float16)
        bags.append(ArrayBag(f"s{slide}", features))
    return bags


def measure_epochs(bags: list[ArrayBag], rounds: int) -> list[dict[str, Any]]:
    """Seconds of processor time of an epoch of each method and of the peer, and the method's share of the peer's."""
    seconds: dict[str, list[float]] = {name: [] for name in (_PEER, *METHODS)}
    for _ in range(rounds):
        for name, taken in seconds.items():
            begin = time.process_time()
            if name == _PEER:
                _peer_epoch(bags)
            else:
                _epoch(bags, MilConfig.model_validate({"method": name, "epochs": 1}))
            taken.append(time.process_time() - begin)
    return [
        {
            "method": name,
            "seconds": round(statistics.median(taken), 2),
            "ratio": round(statistics.median(a / b for a, b in zip(taken, seconds[_PEER], strict=True)), 3),
        }
        for name, taken in seconds.items()
    ]


def _epoch(bags: list[ArrayBag], config: MilConfig) -> None:
    targets = np.arange(len(bags)) % 2
    fit_aggregator(config, bags, targets, [bag.name for bag in bags], classes=2, seed=0)


def _peer_epoch(bags: list[ArrayBag]) -> None:
    """Of the same slides as ours: a fifth is looked at alone."""
    size, config = bags[0].array.shape[1], MilConfig()
    encoder = nn.Sequential(nn.Linear(size, config.hidden), nn.ReLU())
    model = ABMIL((size,), att_dim=config.attention_size, gated=True, feat_ext=encoder)
    optimizer = torch.optim.AdamW(model.parameters())
    learned = len(bags) * 4 // 5
    batches = BagBatches(
        bags[:learned],
        np.arange(learned) % 2,
        batch_size=config.batch_size,
        instances=config.instances,
        instance_dropout=0,
        seed=0,
    )
    for batch in batches.epoch(1):
        _, losses = model.compute_loss(batch.targets, batch.features, batch.mask)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    with torch.inference_mode():
        for bag in bags[learned:]:
            model(torch.from_numpy(bag.features())[None])


def measure_large(tiles: int, size: int) -> list[dict[str, Any]]:
    """Seconds and memory of one look at a large slide, for each method and engine."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        features = np.lib.format.open_memmap(Path(folder) / "bag.npy", "w+", np.float16, (tiles, size))
        for start in range(0, tiles, 10_000):
            part = features[start : start + 10_000]
            part[:] = np.random.default_rng(start).standard_normal(part.shape, dtype=np.float32)
        features.flush()
        for method in METHODS:
            bundle = _write(Path(folder) / method, method, size)
            for engine in get_args(SlideEngineName):
                command = [sys.executable, __file__, "--look", str(bundle), engine, str(Path(folder) / "bag.npy")]
                ended = subprocess.run(command, capture_output=True, text=True, check=True)
                rows.append({"method": method, "engine": engine, **json.loads(ended.stdout)})
    for row in rows:
        peer = next(other for other in rows if other["method"] == "mean" and other["engine"] == row["engine"])
        row["ratio"] = round(row["seconds"] / peer["seconds"], 2)
    return rows


def look(bundle: Path, engine: str, bag: Path) -> dict[str, Any]:
    """One look at a slide whose features lie in a file; what opening the engine costs is not counted."""
    opened = open_slide_engine(open_slide_bundle(bundle), engine)
    before = peak_bytes()
    features = ArrayBag("large", np.load(bag, mmap_mode="r"))
    begin = time.process_time()
    answer = opened.look(features)
    taken = time.process_time() - begin
    assert abs(float(answer.attention.sum()) - 1) < 1e-3
    return {"seconds": round(taken, 4), "before_mb": before // 10**6, "peak_mb": peak_bytes() // 10**6}


def _write(folder: Path, method: Method, size: int) -> Path:
    config = AggregatorConfig(method=method)
    unknown = Provenance(recipe={}, recipe_sha256="", data_sha256="", split_sha256="", libraries={}, created="")
    info = SlideBundleInfo(
        name=method,
        classes=("normal", "tumour"),
        aggregator=config,
        features=FeatureSpace("network", "noise", 96, "0" * 64),
        feature_size=size,
        calibration=SlideCalibration(scale=1, shift=(0,)),
        threshold=OperatingPoint(0.5, "fixed", "none"),
        provenance=unknown,
    )
    return write_slide_bundle(folder, info, build_aggregator(config, size, 2), tiles=None).folder


def _table(result: dict[str, Any]) -> str:
    head = f"{result['slides']} slides of {result['tiles']} tiles, {result['size']} features, load {result['load']}"
    lines = [head, f"{'':16}{'s an epoch':>12}{'of the peer':>13}"]
    lines += [f"{row['method']:16}{row['seconds']:12.2f}{row['ratio']:13.2f}" for row in result["epoch"]]
    lines += ["", f"{result['large_tiles']:,} tiles", f"{'':20}{'s':>8}{'of mean':>9}{'MB before':>11}{'MB peak':>9}"]
    lines += [
        f"{row['method'] + ', ' + row['engine']:20}{row['seconds']:8.2f}{row['ratio']:9.2f}{row['before_mb']:11}"
        f"{row['peak_mb']:9}"
        for row in result["large"]
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slides", type=int, default=500)
    parser.add_argument("--tiles", type=int, default=2000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--look", nargs=3, metavar=("BUNDLE", "ENGINE", "FILE"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
