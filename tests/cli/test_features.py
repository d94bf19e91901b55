"""`sentinode features` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import layouts
from sentinode.training.features.feature_table import FeatureTable

Command = Callable[..., Any]


@pytest.fixture
def patches(workplace: Path) -> Path:
    """30 small square patches of each class in train, valid and test."""
    folder: Path = layouts.make_folder(workplace / "patches", n=30, size=(24, 24))
    return folder


def test_descriptors_in_words_and_in_json(sentinode: Command, patches: Path, workplace: Path) -> None:
    plain = sentinode("features", "colour", "--data", patches, "--out", "f.parquet")
    assert (plain.status, plain.err) == (0, "")
    assert plain.out == "180 images × 25 features of colour in f.parquet\n"
    again = sentinode("features", "colour", "--data", patches, "--out", "f.parquet", "--json")
    answer = json.loads(again.out)
    assert (answer["images"], answer["features"], answer["scores"]) == (180, 25, [])
    table = FeatureTable.load(workplace / "f.parquet")
    assert answer["space"]["sha256"] == table.space.sha256
    assert sorted(set(table.splits)) == ["test", "train", "validation"]


def test_an_architecture_with_values_of_its_own(sentinode: Command, patches: Path, workplace: Path) -> None:
    words = ["--set", "features.model.weights=none", "--set", 'features.model.pooling=["mean", "max"]']
    words += ["--set", "data.split.test=valid", "--set", "data.split.validation=test", "--engine", "torch"]
    outcome = sentinode("features", "cnn3", "--data", patches, "--out", "f.parquet", *words)
    assert (outcome.status, outcome.out) == (0, "180 images × 256 features of cnn3, weights none in f.parquet\n")
    table = FeatureTable.load(workplace / "f.parquet")
    assert {split for split, path in zip(table.splits, table.paths, strict=True) if "/valid/" in path} == {"test"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("some/where",), "some/where is no bundle (it has no bundle.json)"),
        (("nonsense",), "there is no architecture 'nonsense'; use squeezenet1_1, cnn3 or a name"),
        (("cnn3", "--set", "features.model.wieghts=none"), "unknown key 'features.model.wieghts'"),
        (("cnn3", "--set", "training.epochs=3"), "unknown key 'training'"),
        (("cnn3", "--set", "features.model.weights=mine.pt"), "there is no weights file mine.pt"),
        (("pcam",), "bundle pcam takes tiles of 96 px, the images have 24 px"),
        (("colour", "--engine", "onnx"), "there is no engine 'onnx'"),
    ],
)
def test_what_can_not_be_computed_leaves_nothing(
    words: tuple[str, ...], message: str, sentinode: Command, patches: Path, workplace: Path
) -> None:
    outcome = sentinode("features", *words, "--data", patches, "--out", "f.parquet")
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert [path.name for path in workplace.iterdir()] == ["patches"]


def test_another_file_is_not_replaced(sentinode: Command, patches: Path, workplace: Path) -> None:
    (workplace / "notes.txt").write_text("mine")
    outcome = sentinode("features", "colour", "--data", patches, "--out", "notes.txt")
    assert outcome.status == 2
    assert "a table of features; choose another --out" in outcome.err
    assert (workplace / "notes.txt").read_text() == "mine"
