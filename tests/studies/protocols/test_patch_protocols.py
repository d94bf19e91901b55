"""Protocols of patch test sets on generated data in the public layouts, with untrained bundles."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from helpers import layouts
from helpers.model_makers import TILE_SIZE, make_deployed
from sentinode.core.errors import DataError, DataNotFoundError, ImageError, LeakError
from sentinode.core.images import pixel_hash
from sentinode.core.settings import Settings
from sentinode.data.sources.medmnist import _CLASS_NAMES
from sentinode.models.bundle_writer import write_bundle
from sentinode.studies.protocols.kaggle_protocol import measure_kaggle
from sentinode.studies.protocols.patch_tests import measure_nct, measure_pathmnist, measure_pcam

SIZE = (TILE_SIZE, TILE_SIZE)
NCT = ("ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM")
PATHMNIST = _CLASS_NAMES["pathmnist"]


RNG = np.random.default_rng(99)
KNOWN = RNG.integers(0, 256, (*SIZE, 3), np.uint8)
"""An image that the bundle of two classes has learned from."""


def make_bundle(folder: Path, kind: str, names: tuple[str, ...], data: dict[str, Any]) -> Path:
    deployed, info = make_deployed(kind, names=names)
    provenance = info.provenance.model_copy(update={"recipe": {"data": {"source": "folder:elsewhere", **data}}})
    write_bundle(
        folder,
        info.model_copy(update={"provenance": provenance}),
        deployed,
        example_tiles=layouts.make_images([0, 1, 0], SIZE),
        reference={"embedding": np.zeros((5, info.embedding_size), np.float16)},
        seen={"train": np.array([int(pixel_hash(KNOWN), 16)], np.uint64)},
    )
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained bundle of two classes."""
    return make_bundle(tmp_path_factory.mktemp("two") / "two", "plain", ("normal", "tumour"), {})


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained bundle of nine tissues, whose recipe renames the folders of NCT-CRC-HE."""
    rename = {"rename": dict(zip(NCT, PATHMNIST, strict=True))}
    return make_bundle(tmp_path_factory.mktemp("nine") / "nine", "many-classes", PATHMNIST, rename)


def predictions(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "report" / "predictions.csv")


def test_pcam_counts_every_test_patch_and_shows_what_duplicates_do(
    two: Path, tmp_path: Path, settings: Settings
) -> None:
    root = layouts.make_pcam(tmp_path / "pcam", n=24, size=SIZE)
    with h5py.File(root / "camelyonpatch_level_2_split_test_x.h5", "a") as file:
        file["x"][2] = file["x"][0]
    result = measure_pcam(two, root, tmp_path / "out", settings=settings)
    found = predictions(tmp_path / "out")
    truth, score = (found["label"] == "tumour"), found["p_tumour"]
    papers = result.figures["all images"]
    assert result.n == len(found) == 24
    assert papers["auc"].value == pytest.approx(roc_auc_score(truth, score))
    assert papers["accuracy"].value == pytest.approx(accuracy_score(truth, score >= 0.5))
    assert result.figures["without exact duplicates"]["auc"].n == 23
    assert "1 image of 24 repeat another exactly." in result.notes
    assert not result.complete
    assert "not the published test set, which has 32,768" in result.summary()
    assert "published: 0.963 GDensenet" in result.summary()
    assert json.loads((tmp_path / "out" / "protocol.json").read_text(encoding="utf-8")) == result.to_json()


def test_nct_and_pathmnist_give_the_figures_of_nine_classes(nine: Path, tmp_path: Path, settings: Settings) -> None:
    root = tmp_path / "nct"
    for part, n in (("CRC-VAL-HE-7K", 3), ("NCT-CRC-HE-100K", 4)):
        layouts.make_folder(root / part, n=n, classes=NCT, splits=(), size=SIZE, suffix=".tif")
    result = measure_nct(nine, root, tmp_path / "a", settings=settings)
    found = predictions(tmp_path / "a")
    assert result.n == len(found) == 27
    called = found[[f"p_{name}" for name in PATHMNIST]].to_numpy().argmax(axis=1)
    truth = found["label"].map(PATHMNIST.index)
    expected = balanced_accuracy_score(truth, called)
    assert result.figures["all images"]["balanced_accuracy"].value == pytest.approx(expected)
    assert result.figures["colour alone"]["auc"].value is not None

    archive = layouts.make_medmnist(tmp_path / "pathmnist.npz", n=18, size=SIZE)
    result = measure_pathmnist(nine, archive.parent, tmp_path / "b", settings=settings)
    found = predictions(tmp_path / "b")
    scores = found[[f"p_{name}" for name in PATHMNIST]].to_numpy()
    truth = found["label"].map(PATHMNIST.index)
    expected = np.mean([roc_auc_score(truth == place, scores[:, place]) for place in range(9)])
    assert result.figures["all images"]["auc"].value == pytest.approx(expected)
    assert len(list((settings.cache / "packs").glob("*-1"))) == 2  # of each the test part alone


def test_kaggle_measures_labelled_images_and_writes_the_submission(
    two: Path, tmp_path: Path, settings: Settings
) -> None:
    root = layouts.make_kaggle(tmp_path / "kaggle", n=12, size=SIZE, slides=False)
    result = measure_kaggle(two, root, tmp_path / "out", settings=settings)
    assert result.figures["every labelled image"]["auc"].n == 12
    assert len(pd.read_csv(tmp_path / "out" / "submission.csv")) == 2
    assert any("slides are not known" in note for note in result.notes)


def test_a_bundle_that_learned_from_the_test_part_is_refused(two: Path, tmp_path: Path, settings: Settings) -> None:
    root = layouts.make_pcam(tmp_path / "pcam", n=8, size=SIZE)
    with h5py.File(root / "camelyonpatch_level_2_split_test_x.h5", "a") as file:
        file["x"][5] = KNOWN
    with pytest.raises(LeakError, match=r"has learned from 1 of these images \(test/000005\).* training part alone"):
        measure_pcam(two, root, tmp_path / "out", settings=settings)


@pytest.mark.parametrize(
    ("measure", "looked_for"),
    [
        (measure_pcam, "camelyonpatch_level_2_split_test_x.h5"),
        (measure_kaggle, "train_labels.csv"),
        (measure_nct, "CRC-VAL-HE-7K"),
        (measure_pathmnist, "pathmnist.npz"),
    ],
)
def test_another_layout_is_refused_with_what_was_looked_for_and_found(
    tmp_path: Path, settings: Settings, measure: Callable[..., Any], looked_for: str
) -> None:
    (tmp_path / "root" / "something-else").mkdir(parents=True)
    with pytest.raises(DataNotFoundError, match=rf"looked for .*{looked_for}.*; found something-else"):
        measure("pcam", tmp_path / "root", tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()


def test_what_would_make_it_another_test_set_is_refused(nine: Path, tmp_path: Path, settings: Settings) -> None:
    root = tmp_path / "nct"
    part = layouts.make_folder(root / "CRC-VAL-HE-7K", n=2, classes=NCT, splits=(), size=SIZE, suffix=".tif")
    (part / "TUM" / "image0.tif").write_bytes(b"torn")
    with pytest.raises(ImageError, match="can't be used"):
        measure_nct(nine, root, tmp_path / "out", settings=settings)
    for file in (part / "LYM").iterdir():
        file.unlink()
    (part / "LYM").rmdir()
    with pytest.raises(DataError, match="no class folder LYM"):
        measure_nct(nine, root, tmp_path / "out", settings=settings)
    for name in ("pathmnist.npz", "pathmnist_64.npz"):
        layouts.make_medmnist(tmp_path / "both" / name, n=9, size=SIZE)
    with pytest.raises(DataError, match=r"pathmnist.npz and pathmnist_64.npz; say which"):
        measure_pathmnist(nine, tmp_path / "both", tmp_path / "out", settings=settings)
