"""Images per second of inference, from a uint8 array to probabilities: the OpenVINO engine against torch eager.

    python benchmarks/inference.py [--architecture resnet18] [--size 96] [--batch 32] [--rounds 15] [--json]

Both run the same bundle with random weights, so both do the same preprocessing. torch runs in its default layout and in
channels-last, and the ratio is taken against the faster of the two. Rounds are interleaved in one process, so that a
machine whose speed swings treats them alike; a ratio is the median over the rounds' ratios.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sentinode.core.decision import OperatingPoint
from sentinode.core.settings import Settings
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import BundleInfo, Classes, Input, Provenance
from sentinode.models.bundle_network import load_deployed
from sentinode.models.bundle_writer import library_versions, write_bundle
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.normalisation import normalisation
from sentinode.models.preprocessing import Preprocessing

TARGET = 1.5
BATCHES_A_ROUND = 4


def main() -> None:
    """Measure and print."""
    options = _options()
    threads = Settings.from_environment().threads
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        bundle = random_bundle(Path(folder) / "bundle", options.architecture, options.size)
        rates = measure(runners(bundle, threads), options.size, options.batch, options.rounds)
    result = {
        "architecture": options.architecture,
        "size": options.size,
        "batch": options.batch,
        "threads": threads,
        "rounds": options.rounds,
        "images_per_second": {name: round(statistics.median(rate), 1) for name, rate in rates.items()},
        "ratio": round(statistics.median(_ratios(rates)), 3),
        "target": TARGET,
    }
    print(json.dumps(result, indent=2) if options.json else _table(result))


def random_bundle(folder: Path, architecture: str, size: int) -> Bundle:
    """A bundle of an untrained network for tiles of `size` px and two classes."""
    config = ModelConfig(architecture=architecture)
    network = build_network(config, 2, tile_size=size)
    unknown = "0" * 64
    info = BundleInfo(
        name=architecture,
        classes=Classes(names=("normal", "tumour"), positive="tumour"),
        input=Input(tile_size=size, input_size=size, mean=normalisation(config)[0], std=normalisation(config)[1]),
        model=config,
        embedding_size=network.embedding_size,
        precision=config.storage,
        temperature=1.0,
        threshold=OperatingPoint(value=0.5, rule="fixed", split="none"),
        provenance=Provenance(
            recipe={},
            recipe_sha256=unknown,
            data_sha256=unknown,
            split_sha256=unknown,
            libraries=library_versions(),
            created="",
        ),
    )
    deployed = DeployedModel(network, Preprocessing(size), head=config.head)
    return write_bundle(folder, info, deployed, example_tiles=_tiles(2, size), reference={"embedding": np.empty(0)})


def runners(bundle: Bundle, threads: int) -> dict[str, Callable[[NDArray[np.uint8]], object]]:
    """What is compared: each takes tiles and returns their probabilities."""
    plain, channels_last = load_deployed(bundle), load_deployed(bundle)
    channels_last.network.to(memory_format=torch.channels_last)

    def eager(model: DeployedModel) -> Callable[[NDArray[np.uint8]], object]:
        def run(tiles: NDArray[np.uint8]) -> object:
            with torch.inference_mode():
                return model(torch.from_numpy(tiles))[0].numpy()

        return run

    return {
        "torch eager": eager(plain),
        "torch eager, channels last": eager(channels_last),
        "openvino engine": open_engine(bundle, "openvino", threads=threads).predict,
    }


def measure(
    compared: dict[str, Callable[[NDArray[np.uint8]], object]], size: int, batch: int, rounds: int
) -> dict[str, list[float]]:
    """Images per second of each, round by round; a first round is not counted."""
    tiles = _tiles(batch, size)
    rates: dict[str, list[float]] = {name: [] for name in compared}
    for number in range(rounds + 1):
        for name, run in compared.items():
            start = time.perf_counter()
            for _ in range(BATCHES_A_ROUND):
                run(tiles)
            if number:
                rates[name].append(BATCHES_A_ROUND * batch / (time.perf_counter() - start))
    return rates


def _ratios(rates: dict[str, list[float]]) -> list[float]:
    engine = rates["openvino engine"]
    eager = zip(rates["torch eager"], rates["torch eager, channels last"], strict=True)
    return [ours / max(theirs) for ours, theirs in zip(engine, eager, strict=True)]


def _tiles(count: int, size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def _table(result: dict[str, object]) -> str:
    rates = result["images_per_second"]
    assert isinstance(rates, dict)
    lines = [
        f"{result['architecture']}, {result['size']} px, batch {result['batch']}, {result['threads']} threads",
        *(f"  {name:<28}{rate:>9,.1f} images/s" for name, rate in rates.items()),
        f"  openvino / faster torch     {result['ratio']:>9} (target {result['target']})",
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
