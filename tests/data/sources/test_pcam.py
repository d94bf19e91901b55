"""PatchCamelyon's HDF5 files."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from helpers import layouts
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.sources import pcam

_START = "camelyonpatch_level_2_split_"


@pytest.mark.parametrize("compression", ["gzip", None])
def test_pixels_labels_and_slides_are_those_of_the_files(tmp_path: Path, compression: str | None) -> None:
    layouts.make_pcam(tmp_path, n=13, compression=compression)
    source = pcam.open_path(tmp_path)
    expected = np.concatenate([layouts.make_images(layouts.alternating(13), seed=seed) for seed in range(3)])
    assert np.array_equal(np.stack([source.read(index) for index in range(39)]), expected)
    assert [record.label for record in source.records[:3]] == ["normal", "tumour", "normal"]
    assert [record.split for record in source.records[::13]] == ["train", "valid", "test"]
    assert source.records[13].group == "valid_slide_0"
    assert source.records[38].id == "test/000012"


def test_any_subset_of_splits_without_meta(tmp_path: Path) -> None:
    source = pcam.open_path(layouts.make_pcam(tmp_path, splits=["valid"], meta=False))
    assert {record.split for record in source.records} == {"valid"}
    assert {record.group for record in source.records} == {None}


def test_going_through_in_order_reads_each_chunk_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinode.data.sources.slabs._SLAB_BYTES", 1)  # one chunk to a slab
    source = pcam.open_path(layouts.make_pcam(tmp_path, n=20, splits=["train"], chunk_rows=5))
    loads: list[int] = []
    reader = source._readers["train"]
    load = reader._load
    reader._load = lambda start, stop: (loads.append(start), load(start, stop))[1]
    for index in range(20):
        source.read(index)
    assert loads == [0, 5, 10, 15]


def _replace(folder: Path, name: str, key: str, value: np.ndarray) -> None:
    with h5py.File(folder / f"{_START}{name}.h5", "w") as file:
        file[key] = value


def test_hdf5_without_x(tmp_path: Path) -> None:
    layouts.make_pcam(tmp_path)
    _replace(tmp_path, "train_x", "images", np.zeros((2, 4, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r"train_x\.h5.*'x'.*images"):
        pcam.open_path(tmp_path)


@pytest.mark.parametrize("wrong", [np.zeros((12, 20, 24), np.uint8), np.zeros((12, 20, 24, 3), np.float32)])
def test_x_of_another_shape_or_type(tmp_path: Path, wrong: np.ndarray) -> None:
    layouts.make_pcam(tmp_path)
    _replace(tmp_path, "valid_x", "x", wrong)
    with pytest.raises(DataError, match=r"must be uint8 \(N, H, W, 3\)"):
        pcam.open_path(tmp_path)


def test_label_count_must_match(tmp_path: Path) -> None:
    layouts.make_pcam(tmp_path)
    _replace(tmp_path, "test_y", "y", np.zeros((11, 1, 1, 1), np.uint8))
    with pytest.raises(DataError, match="11 labels for 12 images"):
        _ = pcam.open_path(tmp_path).records


def test_meta_row_count_must_match(tmp_path: Path) -> None:
    layouts.make_pcam(tmp_path)
    (tmp_path / f"{_START}test_meta.csv").write_text("wsi\na\n")
    with pytest.raises(DataError, match="1 row for 12 images"):
        _ = pcam.open_path(tmp_path).records


@pytest.mark.parametrize("array", ["x", "y"])
def test_missing_half_of_a_pair(tmp_path: Path, array: str) -> None:
    layouts.make_pcam(tmp_path, splits=["train"])
    (tmp_path / f"{_START}train_{array}.h5").unlink()
    with pytest.raises(DataNotFoundError, match=f"train_{array}.h5 is missing"):
        _ = pcam.open_path(tmp_path).records


def test_still_packed(tmp_path: Path) -> None:
    (tmp_path / f"{_START}train_x.h5.gz").touch()
    with pytest.raises(DataNotFoundError, match="gunzip"):
        pcam.open_path(tmp_path)


def test_not_hdf5(tmp_path: Path) -> None:
    layouts.make_pcam(tmp_path)
    (tmp_path / f"{_START}train_x.h5").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=r"train_x\.h5 .*HDF5"):
        pcam.open_path(tmp_path)


def test_damaged_chunk(tmp_path: Path) -> None:
    layouts.make_pcam(tmp_path, n=40, splits=["train"])
    file = tmp_path / f"{_START}train_x.h5"
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = b"\xff" * 200
    file.write_bytes(content)
    source = pcam.open_path(tmp_path)
    with pytest.raises(DataError, match=r"train_x\.h5 is damaged in images"):
        _ = [source.read(index) for index in range(40)]
