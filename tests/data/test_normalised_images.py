"""Images of a data set with the training data's stain: by slide where it is known, by image where it isn't."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from helpers.stained_patches import stained
from sentinode.core.progress import SILENT
from sentinode.core.stain.normaliser import StainTarget
from sentinode.core.stain.optical_density import StainError
from sentinode.core.stain.stain_look import common_look
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.data.normalised_images import NormalisedImages, normalised_copy, training_target

_PALE = ((0.52, 0.74, 0.43), (0.12, 0.86, 0.50))
_TARGET = StainTarget("macenko", common_look("macenko", [stained(seed, *_PALE) for seed in range(6)]))
Make = Callable[..., Dataset]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes images as a CSV's data set, with groups for those that have one."""

    def made(images: list[NDArray[np.uint8]], groups: list[str], splits: list[str]) -> Dataset:
        rows = []
        for place, (image, group, split) in enumerate(zip(images, groups, splits, strict=True)):
            Image.fromarray(image).save(tmp_path / f"{place:03d}.png")
            rows.append((f"{place:03d}.png", place // 2 % 2, group, split))
        frame = pd.DataFrame(rows, columns=["path", "label", "group", "split"])
        frame.to_csv(tmp_path / "data.csv", index=False)
        config = DataConfig(source=f"csv:{tmp_path / 'data.csv'}", positive="1")
        return load_dataset(config, cache=tmp_path / "cache", progress=SILENT)

    return made


def _patches(count: int, first: int = 0) -> list[NDArray[np.uint8]]:
    return [stained(first + seed) for seed in range(count)]


def _splits(count: int) -> list[str]:
    return (["train"] * 8 + ["valid"] * 4 + ["test"] * 4)[:count]


def test_unknown_slides_are_normalised_image_by_image(make: Make) -> None:
    images = _patches(16)
    images[13] = np.random.default_rng(0).integers(236, 246, (96, 96, 3), dtype=np.uint8)
    data = make(images, [""] * 16, _splits(16))
    found = NormalisedImages(data, "test", _TARGET)
    np.testing.assert_array_equal(found[:], _TARGET.each(data.images("test")[:])[0])
    np.testing.assert_array_equal(found[2], found[:][2])
    assert found.kept == {"too little tissue": 1}
    assert found[np.array([], int)].shape == (0, 96, 96, 3)


def test_a_slide_is_normalised_as_one(make: Make) -> None:
    images = _patches(16)
    images[13] = np.random.default_rng(0).integers(236, 246, (96, 96, 3), dtype=np.uint8)
    groups = ["a"] * 8 + ["b"] * 4 + ["c"] * 4
    data = make(images, groups, _splits(16))
    found = NormalisedImages(data, "test", _TARGET)
    look = common_look("macenko", images[12:])
    np.testing.assert_array_equal(found[:], _TARGET.normaliser(look)(np.stack(images[12:])))
    assert not found.kept


def test_a_slide_of_fat_stays_as_it_is_and_is_counted(make: Make) -> None:
    fat = [np.random.default_rng(seed).integers(236, 246, (96, 96, 3), dtype=np.uint8) for seed in range(4)]
    data = make([*_patches(12), *fat], ["a"] * 8 + ["b"] * 4 + ["c"] * 4, _splits(16))
    found = NormalisedImages(data, "test", _TARGET)
    np.testing.assert_array_equal(found[:], np.stack(fat))
    np.testing.assert_array_equal(found[:], np.stack(fat))
    assert found.kept == {"too little tissue": 4}  # read twice, counted once


def test_training_images_are_copied_normalised_and_the_copy_goes(make: Make, tmp_path: Path) -> None:
    data = make(_patches(16), [""] * 16, _splits(16))
    folder = tmp_path / "run"
    with normalised_copy(data, _TARGET, folder, SILENT) as (copy, kept):
        for split in ("train", "validation"):
            expected = NormalisedImages(data, split, _TARGET)[:]
            np.testing.assert_array_equal(copy.images(split)[:], expected)
        assert not kept
        assert copy.manifest is data.manifest
    assert not list(folder.iterdir())


def test_the_copy_goes_when_training_fails(make: Make, tmp_path: Path) -> None:
    data = make(_patches(16), [""] * 16, _splits(16))
    with pytest.raises(KeyboardInterrupt), normalised_copy(data, _TARGET, tmp_path / "run", SILENT):
        raise KeyboardInterrupt
    assert not list((tmp_path / "run").iterdir())


def test_the_target_is_that_of_the_training_images(make: Make) -> None:
    images = [*[stained(seed, *_PALE) for seed in range(8)], *_patches(8, 8)]
    data = make(images, [""] * 16, _splits(16))
    assert training_target(data, "macenko").look == common_look("macenko", images[:8])


def test_images_without_stain_have_no_target(make: Make) -> None:
    grey = [np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2) for image in _patches(16)]
    with pytest.raises(StainError, match="one stain"):
        training_target(make(grey, [""] * 16, _splits(16)), "vahadane")
