"""What bundles reach: on patches, on real slides, and on patches that were changed; one table a question.

    python benchmarks/accuracy.py pcam pcam-strong --patches ../shared/data/pcam-real --slides ../shared/data/slides
                                  [--sample 2907] [--robustness] [--scans OUT]

Patches: area under the curve, sensitivity and specificity at the frozen threshold, calibration error and log loss, with
95 % intervals, on the split `valid` of the folder, exact duplicates left out. A bundle whose threshold and temperature
were set on these patches is marked with a star: only its area under the curve is not fitted to them.

Slides: for each slide with a `.geojson` of foci beside it, the ranks that the foci hold among all tiles of tissue; for
every slide the part of tiles over 0.5 (away from foci, where there are any); with `--scans`, the lesions that the scan
calls, where and how large. Robustness: the loss of area under the curve under each change, and the worst one.
"""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

import sentinode as sn
from sentinode.metrics.assessment import assess
from sentinode.metrics.measures.roc import auc
from sentinode.metrics.predictions import Predictions
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.slides.slide import open_slide
from sentinode.slides.tile_plan import TileSpec, plan_tiles
from sentinode.slides.tissue.tissue_mask import tissue_mask
from sentinode.training.augmentation import Augmentation
from sentinode.training.image_quality import blur
from sentinode.training.training_config import AugmentationConfig

Tiles = NDArray[np.uint8]
_FIGURES = ("auc", "sensitivity", "specificity", "calibration_error", "log_loss")


def patches(folder: Path, sample: int) -> tuple[Tiles, NDArray[np.int64]]:
    """Tiles (n, 96, 96, 3) and labels (n,) of the split `valid`, at most `sample` of them."""
    table = pd.read_csv(folder / "labels.csv", dtype=str, keep_default_na=False)
    table = table[(table["split"] == "valid") & (table["duplicate_of"] == "")]
    table = table.sample(min(sample, len(table)), random_state=0)
    tiles = np.stack([np.asarray(Image.open(folder / path).convert("RGB")) for path in table["path"]])
    return tiles, np.array(table["label"].astype(int).tolist(), dtype=np.int64)


def measure_patches(bundle: Bundle, engine: Engine, tiles: Tiles, labels: NDArray[np.int64]) -> str:
    """One row of the first table."""
    info = bundle.info
    names = [str(number) for number in range(len(labels))]
    predictions = Predictions(
        ids=names, paths=names, labels=labels, probabilities=engine.predict(tiles).probabilities.astype(np.float64),
        class_names=info.classes.names, positive=info.classes.names.index(info.classes.positive or ""), groups=None,
    )  # fmt: skip
    metrics = assess(
        predictions, threshold=info.threshold, band=info.low_confidence, temperature=info.temperature, targets=(),
        split="valid", limits=(),
    ).metrics  # fmt: skip
    fitted = info.threshold is not None and info.threshold.n == len(labels)
    cells = []
    for name in _FIGURES:
        one = metrics[name]
        interval = "" if one.low is None else f" ({one.low:.3f}–{one.high:.3f})"
        cells.append(f"{one.value:.4f}{interval}{'*' if fitted and name != 'auc' else ''}")
    return " | ".join([bundle.name, *cells])


def _gamma(power: float) -> Callable[[Tiles], Tiles]:
    return lambda tiles: (255 * (tiles / 255.0) ** power).round().astype(np.uint8)


def _stain(factor: float) -> Callable[[Tiles], Tiles]:
    """Every density multiplied."""
    return lambda tiles: (256 * ((tiles + 1.0) / 256) ** factor - 1).clip(0, 255).round().astype(np.uint8)


def _hue(turn: float) -> Callable[[Tiles], Tiles]:
    def change(tiles: Tiles) -> Tiles:
        augment = Augmentation(AugmentationConfig(flips=False, hue=0.5))
        matrix = augment.from_yiq @ _rotation(2 * np.pi * turn) @ augment.to_yiq
        changed = torch.from_numpy(tiles).float() @ matrix.T
        return changed.clamp(0, 255).round().to(torch.uint8).numpy()

    return change


def _rotation(angle: float) -> torch.Tensor:
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return torch.tensor([[1.0, 0, 0], [0, cos, -sin], [0, sin, cos]])


def _jpeg(tiles: Tiles) -> Tiles:
    out = np.empty_like(tiles)
    for place, tile in enumerate(tiles):
        file = io.BytesIO()
        Image.fromarray(tile).save(file, "JPEG", quality=40)
        out[place] = np.asarray(Image.open(file))
    return out


def _blurred(tiles: Tiles) -> Tiles:
    return blur(torch.from_numpy(tiles).float(), 1.0, torch.ones(len(tiles))).round().to(torch.uint8).numpy()


def _scaled(factor: float) -> Callable[[Tiles], Tiles]:
    """Magnified about the centre; what is missing at the border is filled by reflection."""

    def change(tiles: Tiles) -> Tiles:
        side = tiles.shape[1]
        out = np.empty_like(tiles)
        for place, tile in enumerate(tiles):
            size = round(side * factor)
            image = np.asarray(Image.fromarray(tile).resize((size, size), Image.Resampling.BICUBIC))
            pad = max(0, side - size)
            image = np.pad(image, ((pad // 2, pad - pad // 2), (pad // 2, pad - pad // 2), (0, 0)), mode="reflect")
            start = (image.shape[0] - side) // 2
            out[place] = image[start : start + side, start : start + side]
        return out

    return change


CHANGES: dict[str, Callable[[Tiles], Tiles]] = {
    "gamma 0.7": _gamma(0.7), "gamma 1.4": _gamma(1.4), "hue -0.05": _hue(-0.05), "hue +0.05": _hue(0.05),
    "stain x 0.7": _stain(0.7), "stain x 1.3": _stain(1.3), "JPEG 40": _jpeg, "blur 1 px": _blurred,
    "scale 0.8": _scaled(0.8), "scale 1.25": _scaled(1.25),
}  # fmt: skip


def measure_robustness(bundle: Bundle, engine: Engine, tiles: Tiles, labels: NDArray[np.int64]) -> str:
    """One row: the change of the area under the curve under each change, and the worst."""
    plain = auc(labels, engine.predict(tiles).probabilities[:, 1])
    losses = {
        name: auc(labels, engine.predict(change(tiles)).probabilities[:, 1]) - plain for name, change in CHANGES.items()
    }
    worst = min(losses, key=lambda name: losses[name])
    return " | ".join([bundle.name, *(f"{loss:+.3f}" for loss in losses.values()), f"{losses[worst]:+.3f} ({worst})"])


def measure_slide(bundle: Bundle, engine: Engine, file: Path) -> str:
    """Ranks of the foci among all tiles of tissue, and the part of other tiles over 0.5."""
    size = bundle.info.input
    with open_slide(file) as slide:
        plan = plan_tiles(
            slide.width,
            slide.height,
            slide.mpp,
            TileSpec(size_px=size.tile_size, mpp=size.mpp or 0.972),
            tissue_mask(slide),
        )
        scores = []
        for start in range(0, len(plan), 256):
            part = range(start, min(start + 256, len(plan)))
            tiles = [
                slide.read_at(size.mpp or 0.972, int(plan.x0[n]), int(plan.y0[n]), size.tile_size, size.tile_size)
                for n in part
            ]
            scores.append(engine.predict(np.stack(tiles)).probabilities[:, 1])
    score = np.concatenate(scores)
    rank = (-score).argsort().argsort() + 1
    on_focus = np.zeros(len(score), bool)
    words = []
    truth = file.with_suffix(".geojson")
    for feature in json.loads(truth.read_text())["features"] if truth.is_file() else []:
        corners = np.array(feature["geometry"]["coordinates"][0])
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        inside = (plan.x0 < right) & (plan.x0 + plan.width > left) & (plan.y0 < bottom) & (plan.y0 + plan.height > top)
        on_focus |= inside
        if inside.any():
            words.append(
                f"{feature['properties'].get('name', 'focus')}: rank {rank[inside].min()}, {score[inside].max():.3f}"
            )
    over = float((score[~on_focus] > 0.5).mean())
    return (
        f"{bundle.name} | {file.stem} ({len(score):,} tiles) | {over:.1%} over 0.5 | {'; '.join(words) or 'no focus'}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--patches", type=Path)
    parser.add_argument("--slides", type=Path, nargs="*", default=[], help="files, or a folder of *-he.tif")
    parser.add_argument("--sample", type=int, default=10**9, help="patches at most")
    parser.add_argument("--robustness", action="store_true")
    parser.add_argument("--scans", type=Path, help="scan the slides into this folder, and list the lesions")
    given = parser.parse_args()
    opened = [(open_bundle(name), open_engine(open_bundle(name), "openvino")) for name in given.bundles]
    if given.patches:
        tiles, labels = patches(given.patches, given.sample)
        print(f"{len(labels):,} patches\nbundle | {' | '.join(_FIGURES)}")
        for bundle, engine in opened:
            print(measure_patches(bundle, engine, tiles, labels), flush=True)
        if given.robustness:
            print(f"bundle | {' | '.join(CHANGES)} | worst")
            for bundle, engine in opened:
                print(measure_robustness(bundle, engine, tiles, labels), flush=True)
    files = [file for one in given.slides for file in (sorted(one.glob("*-he.tif")) if one.is_dir() else [one])]
    for file in files:
        for number, (bundle, engine) in enumerate(opened):
            print(measure_slide(bundle, engine, file), flush=True)
            if given.scans:
                scan = sn.scan(bundle.folder, file, out=given.scans / f"{number}-{bundle.folder.name}")
                for lesion in scan.lesions:
                    print(f"    {lesion}", flush=True)


if __name__ == "__main__":
    main()
