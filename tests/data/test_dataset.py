"""Every check and every way of splitting, through `load_dataset`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import layouts
from sentinode.core.errors import DataError, ImageError, LeakError
from sentinode.data.dataset import Dataset

Load = Callable[..., Dataset]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """train, valid and test, each with six normal and six tumour images."""
    return layouts.make_folder(tmp_path / "images")


def _rewrite(table: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(table, dtype=str)).to_csv(table, index=False)


def _is_whole(table: pd.DataFrame, column: str) -> bool:
    """Whether no value of `column` is on two sides."""
    return not table.drop_duplicates([column, "split"])[column].duplicated().any()


def test_a_sound_data_set_passes_whole(folder: Path, load: Load) -> None:
    data = load(folder)
    assert data.manifest.excluded() == {}
    assert data.manifest.grouping == "source"
    assert data.manifest.table.groupby("split").size().to_dict() == {"train": 12, "validation": 12, "test": 12}
    for split in ("train", "validation", "test"):
        images = data.images(split)
        assert (len(images), images.shape) == (12, (12, 20, 24, 3))
        for place, (path, label) in enumerate(
            zip(data.manifest.paths(split), data.manifest.labels(split), strict=True)
        ):
            assert np.array_equal(images[place], np.asarray(Image.open(path)))
            assert data.manifest.class_names[label] in path
        assert np.array_equal(images[2:4], data.tiles[data.manifest.rows(split)[2:4]])


def test_positive_class_is_the_second_of_two(tmp_path: Path, load: Load) -> None:
    layouts.make_folder(tmp_path / "f", classes=["malignant", "other"])
    manifest = load(tmp_path / "f").manifest
    assert (manifest.class_names, manifest.positive) == (("other", "malignant"), "malignant")
    manifest = load(tmp_path / "f", positive="other").manifest
    assert (manifest.class_names, manifest.positive) == (("malignant", "other"), "other")


def test_positive_class_that_cannot_be_guessed(tmp_path: Path, load: Load) -> None:
    layouts.make_folder(tmp_path / "f", classes=["cats", "dogs"])
    with pytest.raises(DataError, match=r"cats, dogs.*data\.positive"):
        load(tmp_path / "f")
    with pytest.raises(DataError, match=r"'birds'.*cats, dogs"):
        load(tmp_path / "f", positive="birds")


def test_renaming(tmp_path: Path, load: Load) -> None:
    layouts.make_folder(tmp_path / "f", classes=["0", "1"])
    rename = {"0": "normal", "1": "tumour"}
    manifest = load(tmp_path / "f", rename=rename).manifest
    assert (manifest.class_names, manifest.positive) == (("normal", "tumour"), "tumour")
    assert set(manifest.table["label"]) == {"normal", "tumour"}
    layouts.make_folder(tmp_path / "g")
    assert load(tmp_path / "g", rename=rename).manifest.class_names == ("normal", "tumour")
    with pytest.raises(DataError, match=r"'2'.*0, 1"):
        load(tmp_path / "f", rename={"2": "tumour"})


def test_classes_can_be_merged_by_renaming(tmp_path: Path, load: Load) -> None:
    layouts.make_folder(tmp_path / "f", classes=["ADI", "LYM", "TUM"])
    manifest = load(tmp_path / "f", rename={"ADI": "other", "LYM": "other"}).manifest
    assert (manifest.class_names, manifest.positive) == (("other", "TUM"), "TUM")


def test_unreadable_images_are_counted_or_refused(folder: Path, load: Load) -> None:
    (folder / "train" / "normal" / "image0.png").write_bytes(b"")
    image = folder / "train" / "tumour" / "image3.png"
    image.write_bytes(image.read_bytes()[:-100])
    Image.new("CMYK", (24, 20)).save(folder / "test" / "normal" / "image9.jpg")
    manifest = load(folder).manifest
    assert manifest.excluded() == {"unreadable image": 3}
    assert len(manifest.table) == 34
    with pytest.raises(ImageError, match=r"3 images .*data\.on_unreadable = 'drop'"):
        load(folder, on_unreadable="error")


def test_missing_image(tmp_path: Path, load: Load) -> None:
    layouts.make_kaggle(tmp_path / "k", slides=False)
    next((tmp_path / "k" / "train").iterdir()).unlink()
    assert load(tmp_path / "k").manifest.excluded() == {"in a split that is not used": 2, "missing image": 1}


def test_differing_size_is_refused_or_counted(folder: Path, load: Load) -> None:
    Image.new("RGB", (24, 24)).save(folder / "train" / "normal" / "image0.png")
    with pytest.raises(DataError, match=r"24×20 px: 35, 24×24 px: 1; such as train/normal/image0\.png"):
        load(folder)
    manifest = load(folder, on_size="drop").manifest
    assert [(e.kind, e.id, e.detail) for e in manifest.exclusions] == [
        ("differing size", "train/normal/image0.png", "24×24 px")
    ]


def test_missing_and_unknown_labels_are_counted(tmp_path: Path, load: Load) -> None:
    layouts.make_kaggle(tmp_path / "k", n=24, competition_test=0)
    labels = tmp_path / "k" / "train_labels.csv"
    _rewrite(labels, lambda table: table.assign(label=["", "2", *table["label"][2:]]))
    manifest = load(tmp_path / "k").manifest
    assert sorted((e.kind, e.detail) for e in manifest.exclusions) == [("missing label", ""), ("unknown label", "2")]


def test_an_id_twice_is_counted(tmp_path: Path, load: Load) -> None:
    table = layouts.make_csv(tmp_path / "c", groups=False)
    _rewrite(table, lambda rows: pd.concat([rows, rows.iloc[[2, 2]]]))
    manifest = load(table).manifest
    assert manifest.excluded() == {"id twice": 2}
    assert len(manifest.table) == 12


def test_same_pixels_twice_in_a_split_keeps_the_first(folder: Path, load: Load) -> None:
    normal = folder / "valid" / "normal"
    Image.open(normal / "image2.png").save(normal / "image9.bmp")  # another file with the same pixels
    manifest = load(folder).manifest
    assert [(e.kind, e.id, e.detail) for e in manifest.exclusions] == [
        ("same pixels twice in a split", "valid/normal/image9.bmp", "same as valid/normal/image2.png")
    ]
    assert "valid/normal/image2.png" in manifest.ids("validation")


def test_leak_is_an_error_with_the_pairs(folder: Path, load: Load) -> None:
    shutil.copy(folder / "test" / "tumour" / "image1.png", folder / "train" / "tumour" / "image1.png")
    with pytest.raises(
        LeakError, match=r"the same pixels in two splits, 1 image: train/tumour/image1\.png = test/tumour/image1\.png"
    ):
        load(folder)


@pytest.mark.parametrize(
    ("sides", "left_out"), [(["train", "test"], ["train"]), (["train", "valid", "test"], ["train", "valid"])]
)
def test_leak_can_be_taken_out_of_the_training_side(
    folder: Path, load: Load, sides: list[str], left_out: list[str]
) -> None:
    for side in sides[:-1]:
        shutil.copy(folder / sides[-1] / "tumour" / "image1.png", folder / side / "tumour" / "image1.png")
    manifest = load(folder, on_leak="drop").manifest
    assert [(e.kind, e.id) for e in manifest.exclusions] == [
        ("leak: same pixels in another split", f"{side}/tumour/image1.png") for side in left_out
    ]
    assert f"{sides[-1]}/tumour/image1.png" in manifest.ids("test")


def test_two_labels_are_refused_or_all_left_out(folder: Path, load: Load) -> None:
    shutil.copy(folder / "train" / "tumour" / "image1.png", folder / "train" / "normal" / "image9.png")
    shutil.copy(folder / "train" / "tumour" / "image1.png", folder / "test" / "normal" / "image9.png")
    with pytest.raises(DataError, match=r"3 images .*image9\.png \(normal\) and"):
        load(folder)
    manifest = load(folder, on_conflict="drop").manifest
    assert manifest.excluded() == {"same pixels, two labels": 3}


def test_one_class_only(tmp_path: Path, load: Load) -> None:
    layouts.make_folder(tmp_path / "f", classes=["tumour"])
    with pytest.raises(DataError, match=r"one class only \(tumour\)"):
        load(tmp_path / "f")


def test_class_in_test_that_train_does_not_have(folder: Path, load: Load) -> None:
    layouts.make_folder(folder.with_name("more"), classes=["a", "b", "stroma"])
    (folder.with_name("more") / "test" / "stroma").rename(folder / "test" / "stroma")
    with pytest.raises(DataError, match=r"stroma .*test .*train.*normal, tumour"):
        load(folder)


def test_nothing_usable(folder: Path, load: Load) -> None:
    for image in folder.rglob("*.png"):
        image.write_bytes(b"")
    with pytest.raises(DataError, match=r"unreadable image: 36.*: "):
        load(folder)


def test_two_images_of_one_id(folder: Path, tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinode.data import dataset
    from sentinode.data.sources import folder as layout

    source = layout.open_path(folder)
    records = tuple(r.__class__("same", r.path, r.label, r.group, r.split) for r in source.records)
    monkeypatch.setattr(
        dataset, "open_configured", lambda *_: layout.FileSource("x", source.class_names, None, records)
    )
    with pytest.raises(DataError, match=r"35 ids .*same"):
        load("x")


def test_roles_that_the_source_lacks_are_cut_out_of_train(tmp_path: Path, load: Load) -> None:
    layouts.make_folder(tmp_path / "f", n=40, splits=["train", "valid"])
    manifest = load(tmp_path / "f", split={"test": "valid"}).manifest
    counts = manifest.table.value_counts(["split", "label"])
    assert counts["test"].tolist() == [40, 40]
    assert counts["validation"].tolist() == [7, 7]  # 0.15 / 0.85 of 40
    assert all(name.startswith("valid/") for name in manifest.ids("test"))
    assert manifest.grouping == "none"


def test_groups_are_kept_together_when_known(tmp_path: Path, load: Load) -> None:
    manifest = load(layouts.make_csv(tmp_path / "c", n=60)).manifest
    assert manifest.grouping == "group"
    assert _is_whole(manifest.table, "group")
    assert set(manifest.table["split"]) == {"train", "validation", "test"}
    assert manifest.groups("test") is not None


def test_image_without_group_is_counted_when_cutting_by_group(tmp_path: Path, load: Load) -> None:
    table = layouts.make_csv(tmp_path / "c", n=60)
    _rewrite(table, lambda rows: rows.assign(group=["", *rows["group"][1:]]))
    assert load(table).manifest.excluded() == {"missing group": 1}


def test_by_group_without_groups(tmp_path: Path, load: Load) -> None:
    with pytest.raises(DataError, match="use 'stain', 'none' or 'auto'"):
        load(layouts.make_csv(tmp_path / "c", groups=False), split={"by": "group"})


def test_group_on_two_sides_of_the_sources_own_split(tmp_path: Path, load: Load) -> None:
    table = layouts.make_csv(tmp_path / "c", splits=True)
    _rewrite(table, lambda rows: rows.assign(group=["p"] * 4 + rows["group"].tolist()[4:-1] + ["p"]))
    with pytest.raises(LeakError, match=r"1 group is .*p .*test and train"):
        load(table)


def test_cut_that_ignores_known_groups_is_refused(tmp_path: Path, load: Load) -> None:
    with pytest.raises(LeakError, match=r"cut with data\.split\.by = 'group'"):
        load(layouts.make_csv(tmp_path / "c", n=60), split={"by": "none"})


def test_clusters_of_stain_stand_for_slides(tmp_path: Path, load: Load) -> None:
    layouts.make_folder(tmp_path / "f", n=60, splits=[])
    manifest = load(tmp_path / "f", split={"by": "stain"}).manifest
    assert manifest.grouping == "stain"
    assert manifest.groups("train") is None
    assert _is_whole(manifest.table, "cluster")
    assert (manifest.table.groupby("split")["label"].nunique() == 2).all()


def test_everything_can_be_test(tmp_path: Path, load: Load) -> None:
    manifest = load(layouts.make_csv(tmp_path / "c"), split={"fractions": (0, 0, 1)}).manifest
    assert set(manifest.table["split"]) == {"test"}
    with pytest.raises(DataError, match="there are no train images"):
        manifest.require("test", "train")


def test_source_with_test_alone_is_cut_from_nothing(tmp_path: Path, load: Load) -> None:
    manifest = load(layouts.make_pcam(tmp_path / "p", splits=["test"])).manifest
    assert set(manifest.table["split"]) == {"test"}
    assert manifest.grouping == "source"


def test_misspelt_split_is_found_before_packing(folder: Path, tmp_path: Path, load: Load) -> None:
    with pytest.raises(DataError, match=r"data\.split\.test is 'tset'"):
        load(folder, split={"test": "tset"})
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("maker", ["make_pcam", "make_kaggle", "make_folder", "make_medmnist", "make_csv"])
def test_every_layout_loads(tmp_path: Path, load: Load, maker: str) -> None:
    place = getattr(layouts, maker)(tmp_path / "set.npz" if maker == "make_medmnist" else tmp_path / "set", n=36)
    manifest = load(place).manifest
    assert set(manifest.table["split"]) == {"train", "validation", "test"}
    assert len(manifest.class_names) == (9 if maker == "make_medmnist" else 2)


def test_synthetic_patches_load(load: Load) -> None:
    manifest = load("synthetic:patches?n=66").manifest
    assert manifest.grouping == "source"
    assert len(set(manifest.groups("test") or [])) == 6


@pytest.mark.slow
def test_real_patches(shared_data: Path, load: Load) -> None:
    """The exact duplicates that the data's own table marks are found from decoded pixels."""
    data = load(f"folder:{shared_data / 'pcam-real'}", rename={"0": "normal", "1": "tumour"}, split={"test": "valid"})
    table = pd.read_csv(shared_data / "pcam-real" / "labels.csv")
    marked = set(table.loc[table["duplicate_of"].notna(), "path"])
    assert data.manifest.excluded() == {"same pixels twice in a split": 922}
    assert {exclusion.id for exclusion in data.manifest.exclusions} == marked
    assert len(data.manifest.rows("test")) == 2907
    assert len(data.manifest.rows("train")) + len(data.manifest.rows("validation")) == 19171
    assert data.tiles.shape == (23000, 96, 96, 3)
