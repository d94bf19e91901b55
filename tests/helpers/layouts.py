"""Small fake archives in the real public layouts. Images are noise, a little redder where there is tumour."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

SIZE = (20, 24)
"""Height and width, on purpose not equal."""


def make_images(labels: Sequence[int], size: tuple[int, int] = SIZE, seed: int = 0) -> NDArray[np.uint8]:
    """(N, H, W, 3) uint8, all different."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(150, 40, (len(labels), *size, 3))
    noise[..., 0] += 25.0 * np.asarray(labels)[:, None, None]
    return noise.clip(0, 255).astype(np.uint8)


def alternating(n: int, classes: int = 2) -> list[int]:
    """0, 1, 0, 1, …"""
    return [number % classes for number in range(n)]


def make_pcam(
    folder: Path,
    n: int = 12,
    splits: Sequence[str] = ("train", "valid", "test"),
    size: tuple[int, int] = SIZE,
    compression: str | None = "gzip",
    chunk_rows: int = 5,
    meta: bool = True,
) -> Path:
    """PatchCamelyon with `n` patches a split, four from each slide."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, split in enumerate(splits):
        start = str(folder / f"camelyonpatch_level_2_split_{split}")
        labels = alternating(n)
        with h5py.File(f"{start}_x.h5", "w") as file:
            chunks = (min(chunk_rows, n), *size, 3) if compression else None
            images = make_images(labels, size, seed)
            file.create_dataset("x", data=images, compression=compression, chunks=chunks)
        with h5py.File(f"{start}_y.h5", "w") as file:
            file["y"] = np.array(labels, dtype=np.uint8).reshape(-1, 1, 1, 1)
        if meta:
            slides = [f"{split}_slide_{number // 4}" for number in range(n)]
            pd.DataFrame({"coord_x": range(n), "tumor_patch": labels, "wsi": slides}).to_csv(f"{start}_meta.csv")
    return folder


def make_kaggle(
    folder: Path, n: int = 12, size: tuple[int, int] = SIZE, slides: bool = True, competition_test: int = 2
) -> Path:
    """The Kaggle competition's folder, `n` labelled images, three from each slide."""
    (folder / "train").mkdir(parents=True)
    (folder / "test").mkdir()
    labels = alternating(n)
    ids = [f"{number * 7919 % 100_003:040x}" for number in range(1, n + competition_test + 1)]
    images = make_images([*labels, *[0] * competition_test], size)
    for number, (name, image) in enumerate(zip(ids, images, strict=True)):
        Image.fromarray(image).save(folder / ("train" if number < n else "test") / f"{name}.tif")
    pd.DataFrame({"id": ids[:n], "label": labels}).to_csv(folder / "train_labels.csv", index=False)
    if slides:
        table = pd.DataFrame({"id": ids[:n], "wsi": [f"slide_{number // 3}" for number in range(n)]})
        # In another order than the labels, because the real file is: whoever joins by row gets it wrong.
        table.iloc[::-1].to_csv(folder / "patch_id_wsi_full.csv", index=False)
    return folder


def make_folder(
    folder: Path,
    n: int = 6,
    classes: Sequence[str] = ("normal", "tumour"),
    splits: Sequence[str] = ("train", "valid", "test"),
    size: tuple[int, int] = SIZE,
    suffix: str = ".png",
) -> Path:
    """Class folders with `n` images each; no split folders when `splits` is empty."""
    for seed, split in enumerate(splits or [""]):
        for label, name in enumerate(classes):
            inner = folder / split / name
            inner.mkdir(parents=True)
            for number, image in enumerate(make_images([label] * n, size, 100 * seed + label)):
                Image.fromarray(image).save(inner / f"image{number}{suffix}")
    return folder


def make_medmnist(
    file: Path,
    n: int = 18,
    classes: int = 9,
    size: tuple[int, int] = SIZE,
    colour: bool = True,
    compressed: bool = True,
) -> Path:
    """A MedMNIST set with `n` images in train, and in val and test."""
    arrays: dict[str, Any] = {}
    for seed, split in enumerate(("train", "val", "test")):
        labels = alternating(n, classes)
        images = make_images(labels, size, seed)
        arrays[f"{split}_images"] = images if colour else images[..., 0]
        arrays[f"{split}_labels"] = np.array(labels, dtype=np.uint8).reshape(-1, 1)
    file.parent.mkdir(parents=True, exist_ok=True)
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file


def make_csv(
    folder: Path, n: int = 12, groups: bool = True, splits: bool = False, size: tuple[int, int] = SIZE
) -> Path:
    """A table beside a folder of images, `n` in all, two from each group; returns the table's path."""
    (folder / "images").mkdir(parents=True)
    labels = alternating(n)
    paths = [f"images/{number}.png" for number in range(n)]
    for path, image in zip(paths, make_images(labels, size), strict=True):
        Image.fromarray(image).save(folder / path)
    table = pd.DataFrame({"path": paths, "label": [("normal", "tumour")[label] for label in labels]})
    if groups:
        table["group"] = [f"patient {number // 2}" for number in range(n)]
    if splits:
        table["split"] = ["train" if number < n // 2 else "test" for number in range(n)]
    table.to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"
