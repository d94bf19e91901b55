"""MedMNIST's npz archives."""

from pathlib import Path

import numpy as np
import pytest

from helpers import layouts
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.sources import medmnist


@pytest.mark.parametrize("compressed", [True, False])
def test_pixels_labels_and_names(tmp_path: Path, compressed: bool) -> None:
    file = layouts.make_medmnist(tmp_path / "pathmnist_224.npz", n=18, compressed=compressed)
    source = medmnist.open_path(file)
    expected = np.concatenate([layouts.make_images(layouts.alternating(18, 9), seed=seed) for seed in range(3)])
    assert np.array_equal(np.stack([source.read(index) for index in range(54)]), expected)
    assert source.records[8].label == "colorectal adenocarcinoma epithelium"
    assert [record.split for record in source.records[::18]] == ["train", "val", "test"]
    assert source.positive is None


def test_slabs_are_read_from_the_right_place_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinode.data.sources.slabs._SLAB_BYTES", 4 * 20 * 24 * 3)
    source = medmnist.open_path(layouts.make_medmnist(tmp_path / "pathmnist.npz", n=18))
    expected = layouts.make_images(layouts.alternating(18, 9))
    for index in (17, 0, 9, 5, 16, 1):
        assert np.array_equal(source.read(index), expected[index])


def test_grey_is_copied_to_all_channels(tmp_path: Path) -> None:
    source = medmnist.open_path(layouts.make_medmnist(tmp_path / "breastmnist.npz", classes=2, colour=False))
    image = source.read(3)
    assert np.array_equal(image, layouts.make_images(layouts.alternating(18))[3][..., :1].repeat(3, axis=2))
    assert source.positive == "malignant"


def test_unknown_set_keeps_its_numbers(tmp_path: Path) -> None:
    source = medmnist.open_path(layouts.make_medmnist(tmp_path / "own.npz", classes=2))
    assert source.class_names == ("0", "1")
    assert source.positive == "1"


def _save(tmp_path: Path, **arrays: np.ndarray) -> Path:
    np.savez_compressed(tmp_path / "set.npz", **arrays)
    return tmp_path / "set.npz"


def test_3d_set(tmp_path: Path) -> None:
    file = _save(tmp_path, train_images=np.zeros((4, 28, 28, 28), np.uint8), train_labels=np.zeros((4, 1), int))
    with pytest.raises(DataError, match=r"\(4, 28, 28, 28\), a 3D set"):
        medmnist.open_path(file)


def test_multi_label_set(tmp_path: Path) -> None:
    file = _save(tmp_path, train_images=np.zeros((4, 28, 28), np.uint8), train_labels=np.zeros((4, 14), int))
    with pytest.raises(DataError, match="14 labels an image"):
        medmnist.open_path(file)


def test_archive_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no train_images.*it holds weights"):
        medmnist.open_path(_save(tmp_path, weights=np.zeros(3)))


def test_without_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no train_labels"):
        medmnist.open_path(_save(tmp_path, train_images=np.zeros((4, 28, 28), np.uint8)))


def test_label_count_must_match(tmp_path: Path) -> None:
    file = _save(tmp_path, val_images=np.zeros((4, 28, 28), np.uint8), val_labels=np.zeros((3, 1), int))
    with pytest.raises(DataError, match="for 4 images"):
        medmnist.open_path(file)


def test_float_images(tmp_path: Path) -> None:
    file = _save(tmp_path, train_images=np.zeros((4, 28, 28)), train_labels=np.zeros((4, 1), int))
    with pytest.raises(DataError, match="is float64"):
        medmnist.open_path(file)


def test_truncated_archive(tmp_path: Path) -> None:
    file = layouts.make_medmnist(tmp_path / "pathmnist.npz")
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(DataError, match="not a whole npz archive"):
        medmnist.open_path(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"pathmnist\.npz"):
        medmnist.open_path(tmp_path / "none.npz")
