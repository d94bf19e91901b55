"""The Kaggle competition's folder."""

from pathlib import Path

import pandas as pd
import pytest

from helpers import layouts
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.sources import kaggle


def test_labels_and_slides_are_joined_on_id(tmp_path: Path) -> None:
    source = kaggle.open_path(layouts.make_kaggle(tmp_path))
    labels = pd.read_csv(tmp_path / "train_labels.csv", dtype=str).set_index("id")["label"]
    slides = pd.read_csv(tmp_path / "patch_id_wsi_full.csv", dtype=str).set_index("id")["wsi"]
    trained = [record for record in source.records if record.split == "train"]
    assert len(trained) == 12
    for record in trained:
        assert record.label == ("normal", "tumour")[int(labels[record.id])]
        assert record.group == slides[record.id]


def test_competition_test_is_unlabelled_and_apart(tmp_path: Path) -> None:
    source = kaggle.open_path(layouts.make_kaggle(tmp_path, competition_test=3))
    apart = [record for record in source.records if record.split == "competition-test"]
    assert [record.label for record in apart] == [None] * 3


def test_without_slides_there_is_no_group(tmp_path: Path) -> None:
    source = kaggle.open_path(layouts.make_kaggle(tmp_path, slides=False))
    assert {record.group for record in source.records} == {None}


def test_known_bad_images_are_reported_and_left_out(tmp_path: Path) -> None:
    layouts.make_kaggle(tmp_path)
    bad = ["dd6dfed324f9fcb6f93f46f32fc800f2ec196be2", "9369c7278ec8bcc6c880d99194de09fc2bd4efbe"]
    with (tmp_path / "train_labels.csv").open("a") as file:
        file.writelines(f"{name},0\n" for name in bad)
    source = kaggle.open_path(tmp_path)
    assert [(e.kind, e.id, e.detail) for e in source.exclusions] == [
        ("known bad image", bad[0], "blank"),
        ("known bad image", bad[1], "black"),
    ]
    assert not {record.id for record in source.records} & set(bad)


def test_image_that_no_row_names_has_no_label(tmp_path: Path) -> None:
    layouts.make_kaggle(tmp_path)
    next((tmp_path / "train").iterdir()).with_name("f" * 40 + ".tif").write_bytes(b"")
    source = kaggle.open_path(tmp_path)
    assert [record.label for record in source.records if record.id == "f" * 40] == [None]


def test_missing_column(tmp_path: Path) -> None:
    layouts.make_kaggle(tmp_path)
    (tmp_path / "train_labels.csv").write_text("name,label\na,1\n")
    with pytest.raises(DataError, match=r"id.*needs id,label and has name, label"):
        kaggle.open_path(tmp_path)


def test_id_on_two_slides(tmp_path: Path) -> None:
    layouts.make_kaggle(tmp_path)
    (tmp_path / "patch_id_wsi_full.csv").write_text("id,wsi\na,1\na,2\n")
    with pytest.raises(DataError, match="gives 'a' two slides"):
        kaggle.open_path(tmp_path)


def test_without_labels_file(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"has no train_labels\.csv"):
        kaggle.open_path(tmp_path)


def test_real_files(shared_data: Path) -> None:
    source = kaggle.open_path(shared_data / "kaggle-tif")
    assert sorted(str(record.label) for record in source.records) == ["None"] * 4 + ["normal", "tumour"]
    assert all(source.read(index).shape == (96, 96, 3) for index in range(6))
