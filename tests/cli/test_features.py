"""`sentinode features` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import layouts
from helpers.small_slides import write_slide
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


def test_slides_give_a_file_each(sentinode: Command, workplace: Path) -> None:
    write_slide(workplace / "slides", "a", tumour=True)
    words = ("features", "pcam", "--slides", "slides", "--out", "bags", "--region", "0,0,500,500")
    done = sentinode(*words)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0].startswith("a: 9 tiles; ")
    assert done.out.splitlines()[1] == "features by pcam: 1 of 1 slide, 9 tiles; table in bags/features.csv"
    again = sentinode(*words, "--json")
    (slide,) = json.loads(again.out)["slides"]
    assert (slide["name"], slide["tiles"], slide["features"], slide["reused"]) == ("a", 9, 3840, True)


def test_a_slide_that_fails_is_listed_with_exit_status_1(sentinode: Command, workplace: Path) -> None:
    (workplace / "junk.svs").write_bytes(b"junk")
    done = sentinode("features", "pcam", "--slides", "junk.svs", "--out", "bags")
    assert done.status == 1
    assert "features by pcam: 0 of 1 slide" in done.out
    assert done.err.startswith("no features  while    why\njunk         opening  ")
    assert (workplace / "bags" / "features.csv").read_text().splitlines()[1].startswith("junk,failed")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pcam",), "give exactly one of --data and --slides"),
        (("pcam", "--slides", "a.svs", "--data", "folder:x"), "give exactly one of --data and --slides"),
        (("pcam", "--data", "folder:x", "--min-tissue", "0.5"), "--min-tissue is of slides"),
        (("pcam", "--data", "folder:x", "--no-tissue"), "--no-tissue is of slides"),
        (("colour", "--slides", "a.svs"), "colour describes labelled images (--data)"),
        (("cnn3", "--slides", "a.svs", "--set", "features.model.weights=none"), "does not say the size of its tiles"),
        (("cnn3", "--slides", "a.svs", "--set", "features.model.weights=none", "--tile-size", "64"), "--model-mpp 0.5"),
        (("pcam", "--slides", "a.svs", "--tile-size", "64"), "takes tiles of 96 px, not of 64 px"),
        (("pcam", "--slides", "a.svs", "--set", "data.on_size=drop"), "only features.* can be set for slides"),
        (("pcam", "--slides", "a.svs", "--set", 'features.pool=["max"]'), "those of a slide stay apart"),
        (("pcam", "--slides", "b.svs"), "b.svs is not a file or a folder"),
        (("pcam", "--slides", "a.svs", "--batch", "0"), "batch = 0"),
    ],
)
def test_what_does_not_go_with_slides_is_one_line(
    words: tuple[str, ...], message: str, sentinode: Command, workplace: Path
) -> None:
    (workplace / "a.svs").write_bytes(b"junk")
    outcome = sentinode("features", *words, "--out", "bags")
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert [path.name for path in workplace.iterdir()] == ["a.svs"]
