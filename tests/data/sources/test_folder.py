"""Class folders."""

import os
from pathlib import Path

import pytest

from helpers import layouts
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.sources import folder

_NCT = ["ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM"]


def test_split_folders(tmp_path: Path) -> None:
    source = folder.open_path(layouts.make_folder(tmp_path, n=2))
    assert source.class_names == ("normal", "tumour")
    assert source.positive == "tumour"
    assert {(r.split, r.label) for r in source.records} == {
        (split, label) for split in ("train", "valid", "test") for label in ("normal", "tumour")
    }
    assert source.records[0].id == "test/normal/image0.png"


def test_nine_classes_without_splits(tmp_path: Path) -> None:
    source = folder.open_path(layouts.make_folder(tmp_path, n=1, classes=_NCT, splits=[]))
    assert source.class_names == tuple(_NCT)
    assert source.positive is None
    assert {record.split for record in source.records} == {None}


def test_splits_of_any_name_are_told_from_classes_by_depth(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path, n=1, classes=_NCT, splits=["NCT-CRC-HE-100K", "CRC-VAL-HE-7K"])
    assert folder.recognises(tmp_path)
    assert {record.split for record in folder.open_path(tmp_path).records} == {"NCT-CRC-HE-100K", "CRC-VAL-HE-7K"}


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".webp", ".PNG"])
def test_every_image_format(tmp_path: Path, suffix: str) -> None:
    source = folder.open_path(layouts.make_folder(tmp_path, n=1, splits=[], suffix=suffix))
    assert source.read(1).shape == (20, 24, 3)


def test_files_that_are_no_images_are_counted_and_hidden_ones_ignored(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path, n=1, splits=[])
    (tmp_path / "normal" / "notes.txt").touch()
    (tmp_path / "normal" / ".DS_Store").touch()
    (tmp_path / "normal" / "._image0.png").touch()
    (tmp_path / "labels.csv").touch()
    (tmp_path / "stroma").mkdir()
    source = folder.open_path(tmp_path)
    assert [(e.kind, e.id) for e in source.exclusions] == [
        ("not an image file", "normal/notes.txt"),
        ("empty class folder", "stroma"),
    ]
    assert len(source.records) == 2


def test_no_images(tmp_path: Path) -> None:
    (tmp_path / "normal").mkdir()
    with pytest.raises(DataNotFoundError, match=r"no images in .*\[split/\]class/image"):
        folder.open_path(tmp_path)


def test_classes_and_splits_side_by_side(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path, n=1, splits=[])
    layouts.make_folder(tmp_path, n=1, splits=["train"])
    with pytest.raises(DataError, match=r"normal/.*train/"):
        folder.open_path(tmp_path)


def test_folder_inside_a_class_folder(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path, n=1)
    (tmp_path / "train" / "tumour" / "patient1").mkdir()
    with pytest.raises(DataError, match="inside a class folder"):
        folder.open_path(tmp_path)


def test_split_folder_without_classes(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path, n=1, classes=["train", "test"], splits=[])
    assert not folder.recognises(tmp_path)
    with pytest.raises(DataError, match="no class folders"):
        folder.open_path(tmp_path)


def test_what_systems_leave_is_no_class_no_split_and_no_image(tmp_path: Path) -> None:
    plain = folder.open_path(layouts.make_folder(tmp_path, n=2)).records
    places = ("__MACOSX/train/normal", "train/__MACOSX", "@eaDir", "train/@eaDir", "train/normal/@eaDir")
    for place in places:
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "image0.png").write_bytes((tmp_path / "train/normal/image0.png").read_bytes())
    for name in ("Thumbs.db", "train/desktop.ini", "train/normal/Thumbs.db", "train/normal/._image0.png", ".DS_Store"):
        (tmp_path / name).write_bytes(b"junk")
    source = folder.open_path(tmp_path)
    assert (source.records, source.exclusions) == (plain, ())


def test_a_name_that_is_not_utf8_is_left_out_and_counted(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path, n=2, splits=[])
    image = tmp_path / "normal" / "image0.png"
    image.rename(os.fsdecode(os.fsencode(tmp_path / "normal") + b"/gr\xf6.png"))
    source = folder.open_path(tmp_path)
    assert len(source.records) == 3
    assert [(each.kind, each.id) for each in source.exclusions] == [("name that is not UTF-8", r"normal/gr\udcf6.png")]
