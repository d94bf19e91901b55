"""Images per second of a training step: ours, the usual loop's, and the bare forward and backward pass.

    python benchmarks/training.py --data folder:DIR [--rounds 7] [--json]

All fit the same network (SqueezeNet 1.1 at the images' own size, two classes) with the same optimiser, batch size and
kinds of augmentation on the same cores. Rounds are interleaved in one process, so that a machine whose speed swings
treats them alike; a ratio is the median over the rounds' ratios.

- usual: image files, Pillow, per-image torchvision transforms, a DataLoader with two workers, torch's default layout
- bare:  forward, backward and optimiser step on one normalised batch in memory: no reading, no augmentation. In torch's
         default layout, and in channels-last, in which ours runs and which is the harder limit; freed memory is kept,
         as by ours
- ours:  what `sentinode train` does: packed tiles, augmentation of whole batches, Lightning
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset as PatchData
from sentinode.data.dataset import load_dataset
from sentinode.models.networks.torchvision_ops import register_missing_ops
from sentinode.training.batches import PackedBatches, Share, loader
from sentinode.training.lightning import Callback, Trainer
from sentinode.training.network_fit import (
    build_classifier,
    build_model,
    quiet_lightning,
    reuse_freed_memory,
    trainer_options,
)
from sentinode.training.recipe import Recipe, parse_recipe
from sentinode.training.training_images import train_order, training_images

register_missing_ops()

from torchvision import transforms  # noqa: E402

BATCH = 32
WARM_UP = 4
MEASURED = 16
JITTER = 0.2


class ImageFiles(Dataset[tuple[Tensor, int]]):
    """The usual data set: one image file a sample, decoded and transformed when it is asked for."""

    def __init__(self, paths: list[str], labels: list[int]) -> None:
        self._paths, self._labels = paths, labels
        self._transform = transforms.Compose(
            [
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.RandomRotation(15),
                transforms.ColorJitter(JITTER, JITTER, JITTER),
                transforms.ToTensor(),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self._paths[index]) as image:
            return self._transform(image.convert("RGB")), self._labels[index]


def step_function(network: nn.Module) -> Callable[[Tensor, Tensor], None]:
    """Forward, backward and an AdamW step."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(network(images)[0], labels).backward()
        optimizer.step()

    return step


def usual(recipe: Recipe, data: PatchData) -> Iterator[float]:
    """Seconds for MEASURED batches of the usual loop, round after round."""
    step = step_function(build_model(recipe, data)[0].train())
    table = data.manifest.table
    train = table[table["split"] == "train"]
    files = ImageFiles(train["path"].tolist(), data.manifest.labels("train").tolist())
    while True:
        batches = iter(DataLoader(files, BATCH, shuffle=True, num_workers=2, drop_last=True))
        for _ in range(WARM_UP):
            step(*next(batches))
        start = time.perf_counter()
        for _ in range(MEASURED):
            step(*next(batches))
        yield time.perf_counter() - start
        del batches


def bare(recipe: Recipe, data: PatchData, layout: torch.memory_format) -> Iterator[float]:
    """Seconds for MEASURED steps on one batch in memory."""
    network, preprocessing = build_model(recipe, data)
    step = step_function(network.train().to(memory_format=layout))
    images = preprocessing(torch.from_numpy(data.tiles[:BATCH])).contiguous(memory_format=layout)
    labels = torch.arange(BATCH) % 2
    while True:
        with reuse_freed_memory():
            for _ in range(WARM_UP):
                step(images, labels)
            start = time.perf_counter()
            for _ in range(MEASURED):
                step(images, labels)
            seconds = time.perf_counter() - start
        yield seconds


class Stopwatch(Callback):
    """Times the batches after the warm-up, from the end of the last one before them."""

    start = seconds = 0.0

    def on_train_batch_end(self, *arguments: Any) -> None:
        """Called by Lightning; the last argument is the batch's number."""
        batch = arguments[-1]
        if batch == WARM_UP - 1:
            self.start = time.perf_counter()
        elif batch == WARM_UP + MEASURED - 1:
            self.seconds = time.perf_counter() - self.start


def ours(recipe: Recipe, data: PatchData) -> Iterator[float]:
    """Seconds for MEASURED batches of our training."""
    manifest, config = data.manifest, recipe.training
    rows, labels = manifest.rows("train"), manifest.labels("train")
    images = training_images(recipe, data)
    classifier = build_classifier(recipe, data, *build_model(recipe, data), images)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            batches = loader(
                PackedBatches(data.tiles, rows, labels), train_order(config, images, 0, Share()), on_gpu=False
            )
            watch = Stopwatch()
            options = trainer_options(config, Path(folder)) | {"limit_train_batches": WARM_UP + MEASURED}
            with quiet_lightning(), reuse_freed_memory():
                warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
                Trainer(callbacks=[watch], **options).fit(classifier, batches)
            yield watch.seconds


def main() -> None:
    """Run the rounds and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder:DIR of patches, as for `sentinode train`")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    torch.set_num_threads(settings.threads)
    recipe = parse_recipe(
        {
            "data": {"source": arguments.data, "on_leak": "drop"},
            "model": {"architecture": "squeezenet1_1"},
            "training": {
                "epochs": 1,
                "batch_size": BATCH,
                "learning_rate": 1e-4,
                "schedule": "constant",
                "augmentation": {"rotation": 15, "brightness": JITTER, "contrast": JITTER, "saturation": JITTER},
            },
        },
        "benchmark",
    )
    data = load_dataset(recipe.data, cache=settings.cache, progress=Progress.for_terminal(quiet=False))
    runners = {
        "usual": usual(recipe, data),
        "bare": bare(recipe, data, torch.contiguous_format),
        "bare_channels_last": bare(recipe, data, torch.channels_last),
        "ours": ours(recipe, data),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(arguments.rounds):
        for name, runner in runners.items():
            seconds[name].append(next(runner))
    report(seconds, as_json=arguments.json)


def report(seconds: dict[str, list[float]], *, as_json: bool) -> None:
    """Print images per second and our ratio to each of the others."""
    images = BATCH * MEASURED
    rates = {name: images / statistics.median(values) for name, values in seconds.items()}
    ratios = {
        name: statistics.median(other / mine for other, mine in zip(values, seconds["ours"], strict=True))
        for name, values in seconds.items()
    }
    if as_json:
        json.dump({"images_per_second": rates, "ours_over": ratios, "cores": os.cpu_count()}, sys.stdout, indent=2)
        return
    print(f"{'':<20}{'images/s':>10}{'ours is':>12}")
    for name, rate in rates.items():
        print(f"{name:<20}{rate:>10.0f}{ratios[name]:>10.2f} ×")


if __name__ == "__main__":
    main()
