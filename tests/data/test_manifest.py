"""The manifest: what its hashes depend on, saving and loading."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from helpers import layouts
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.manifest import COLUMNS, Manifest


@pytest.fixture
def manifest(tmp_path: Path, load: Callable) -> Manifest:
    layouts.make_kaggle(tmp_path / "k", n=36)
    return load(tmp_path / "k").manifest


def _with(manifest: Manifest, column: str, value: object) -> Manifest:
    table = manifest.table.copy()
    table.loc[0, column] = value
    return replace(manifest, table=table)


def test_saved_and_loaded_it_is_the_same(manifest: Manifest, tmp_path: Path) -> None:
    manifest.save(tmp_path / "split.parquet")
    loaded = Manifest.load(tmp_path / "split.parquet")
    pd.testing.assert_frame_equal(loaded.table, manifest.table, check_dtype=False)
    assert tuple(loaded.table.columns) == COLUMNS
    assert (loaded.hash, loaded.split_hash) == (manifest.hash, manifest.split_hash)
    assert (loaded.class_names, loaded.positive, loaded.grouping) == (("normal", "tumour"), "tumour", "group")
    assert loaded.exclusions == manifest.exclusions
    assert loaded.excluded() == {"in a split that is not used": 2}


def test_loaded_without_groups_they_are_still_unknown(manifest: Manifest, tmp_path: Path) -> None:
    ungrouped = replace(manifest, table=manifest.table.assign(group=None))
    ungrouped.save(tmp_path / "split.parquet")
    assert Manifest.load(tmp_path / "split.parquet").groups("train") is None
    assert Manifest.load(tmp_path / "split.parquet").hash == ungrouped.hash


def test_hashes_change_with_what_they_are_of_and_nothing_else(manifest: Manifest) -> None:
    for column, value in [("label", "x"), ("group", "x"), ("split", "x"), ("pixels", "x"), ("id", "x")]:
        assert _with(manifest, column, value).hash != manifest.hash
    for column, value in [("path", "/elsewhere"), ("row", 99)]:
        assert _with(manifest, column, value).hash == manifest.hash
    assert _with(manifest, "split", "x").split_hash != manifest.split_hash
    assert _with(manifest, "label", "x").split_hash == manifest.split_hash
    assert replace(manifest, table=manifest.table.iloc[::-1]).hash == manifest.hash


def test_labels_rows_ids_and_groups_are_in_one_order(manifest: Manifest) -> None:
    table = manifest.table.set_index("id")
    for split in ("train", "validation", "test"):
        facts = zip(
            manifest.ids(split), manifest.rows(split), manifest.labels(split), manifest.groups(split) or [], strict=True
        )
        for name, row, label, group in facts:
            expected = table.loc[name, ["split", "row", "label", "group"]].tolist()
            assert [split, row, manifest.class_names[label], group] == expected


def test_changed_file_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "split.parquet"
    manifest.save(path)
    table = pq.read_table(path)
    splits = ["train"] * len(table)
    pq.write_table(table.set_column(table.schema.get_field_index("split"), "split", [splits]), path)
    with pytest.raises(DataError, match=r"changed.*restore"):
        Manifest.load(path)


def test_file_that_is_no_manifest(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"x" * 100)
    for name in ("a.parquet", "b.parquet"):
        with pytest.raises(DataError, match="is not a manifest"):
            Manifest.load(tmp_path / name)
    with pytest.raises(DataNotFoundError, match="does not exist"):
        Manifest.load(tmp_path / "c.parquet")
