"""Naming a data set: by scheme, by a bare path, and what is said when neither leads anywhere."""

from pathlib import Path

import pytest

from helpers import layouts
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.address import open_source


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    return {
        "pcam": layouts.make_pcam(tmp_path / "pcam"),
        "kaggle": layouts.make_kaggle(tmp_path / "kaggle"),
        "folder": layouts.make_folder(tmp_path / "folder"),
        "medmnist": layouts.make_medmnist(tmp_path / "pathmnist.npz"),
        "csv": layouts.make_csv(tmp_path / "csv"),
    }


@pytest.mark.parametrize("scheme", ["pcam", "kaggle", "folder", "medmnist", "csv"])
def test_a_bare_path_is_recognised_and_opens_as_with_its_scheme(places: dict[str, Path], scheme: str) -> None:
    bare = open_source(str(places[scheme]))
    named = open_source(f"{scheme}:{places[scheme]}")
    assert bare.address == named.address == f"{scheme}:{places[scheme]}"
    assert bare.records == named.records
    assert bare.fingerprint() == named.fingerprint()


@pytest.mark.parametrize("scheme", ["pcam", "kaggle", "folder", "medmnist", "csv"])
def test_every_source_gives_rgb_pixels_and_unique_ids(places: dict[str, Path], scheme: str) -> None:
    source = open_source(str(places[scheme]))
    assert len({record.id for record in source.records}) == len(source.records)
    image = source.read(len(source.records) - 1)
    assert (image.shape, image.dtype) == ((20, 24, 3), "uint8")
    assert {record.label for record in source.records} - {None} <= set(source.class_names)


@pytest.mark.parametrize("scheme", ["kaggle", "folder", "csv"])
def test_fingerprint_does_not_depend_on_where_the_data_lies(places: dict[str, Path], scheme: str) -> None:
    before = open_source(f"{scheme}:{places[scheme]}").fingerprint()
    root = places[scheme].parent if scheme == "csv" else places[scheme]
    moved = root.rename(root.with_name("elsewhere"))
    path = moved / "table.csv" if scheme == "csv" else moved
    assert open_source(f"{scheme}:{path}").fingerprint() == before


def test_fingerprint_changes_with_an_image(places: dict[str, Path]) -> None:
    before = open_source(str(places["folder"])).fingerprint()
    image = next(places["folder"].rglob("*.png"))
    image.write_bytes(image.read_bytes() + b"\0")
    assert open_source(str(places["folder"])).fingerprint() != before


def test_synthetic_patches_take_parameters() -> None:
    assert len(open_source("synthetic:patches?n=66&seed=3").records) == 66


@pytest.mark.parametrize("address", ["synthetic:slides", "synthetic:"])
def test_unknown_synthetic_name_gives_the_known_one(address: str) -> None:
    with pytest.raises(DataNotFoundError, match="synthetic:patches"):
        open_source(address)


def test_malformed_parameters_show_how_to_write_them() -> None:
    with pytest.raises(DataError, match=r"n=2000&seed=1"):
        open_source("synthetic:patches?n")


@pytest.mark.parametrize("address", ["", "nowhere", "folder:nowhere", "csv:", "imagenet:/tmp"])
def test_path_that_leads_nowhere_is_named(address: str) -> None:
    with pytest.raises(DataNotFoundError, match=r"there is no data set at .*pcam:, kaggle:, folder:"):
        open_source(address)


def test_empty_folder_lists_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"pcam: camelyonpatch.*kaggle: train_labels\.csv.*folder: .*csv: "):
        open_source(str(tmp_path))


def test_ambiguous_folder_lists_the_choices(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path)
    layouts.make_pcam(tmp_path)
    with pytest.raises(DataError, match=f"pcam:{tmp_path} or folder:{tmp_path}"):
        open_source(str(tmp_path))
