"""The table of features, and its file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinode.core.errors import DataError, DataNotFoundError, EvaluationError, StorageError
from sentinode.models.feature_space import FeatureSpace
from sentinode.training.features.feature_table import FeatureTable, check_place


@pytest.fixture
def table() -> FeatureTable:
    return FeatureTable(
        ids=["a", "b", "c", "d"],
        paths=["x/a.png", "x/b.png", "x/c.png", "x/d.png"],
        labels=np.array([0, 1, 1, 0]),
        groups=["s1", "s1", "s2", "s3"],
        splits=["train", "train", "validation", "test"],
        class_names=("normal", "tumour"),
        positive="tumour",
        values=np.arange(12, dtype=np.float32).reshape(4, 3) / 7,
        columns=("f0", "f1", "f2"),
        probabilities=np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [1, 0]], np.float32),
        space=FeatureSpace("network", "mine", 96, "ab" * 32),
        data_sha256="cd" * 32,
        score_names=("healthy", "metastasis"),
    )


def assert_equal(first: FeatureTable, second: FeatureTable) -> None:
    for name, value in vars(first).items():
        other = getattr(second, name)
        if isinstance(value, np.ndarray):
            assert value.dtype == other.dtype
            np.testing.assert_array_equal(value, other)
        else:
            assert value == other, name


@pytest.mark.parametrize(
    "changes",
    [{}, {"groups": None}, {"probabilities": None, "score_names": ()}, {"positive": None}],
    ids=["whole", "no groups", "no scores", "no positive class"],
)
def test_what_is_saved_is_loaded(table: FeatureTable, tmp_path: Path, changes: dict[str, object]) -> None:
    saved = replace(table, **changes)  # type: ignore[arg-type]
    saved.save(tmp_path / "t.parquet")
    assert_equal(FeatureTable.load(tmp_path / "t.parquet"), saved)


def test_an_empty_part_is_saved_too(table: FeatureTable, tmp_path: Path) -> None:
    empty = table.take([])
    assert len(empty) == 0
    empty.save(tmp_path / "t.parquet")
    loaded = FeatureTable.load(tmp_path / "t.parquet")
    assert (len(loaded), loaded.values.shape, loaded.columns) == (0, (0, 3), table.columns)


def test_the_file_is_an_ordinary_table(table: FeatureTable, tmp_path: Path) -> None:
    table.save(tmp_path / "t.parquet")
    frame = pq.read_table(tmp_path / "t.parquet").to_pandas()
    known = ["id", "path", "group", "label", "split", "p_healthy", "p_metastasis"]
    assert list(frame.columns) == [*known, "f0", "f1", "f2"]
    assert frame["label"].tolist() == ["normal", "tumour", "tumour", "normal"]
    assert frame["f1"].to_numpy() == pytest.approx(table.values[:, 1])


def test_roles_and_places_take_everything_along(table: FeatureTable) -> None:
    part = table.of("validation", "train")
    assert part.ids == ["a", "b", "c"]
    turned = part.take([2, 0])
    assert (turned.ids, turned.paths, turned.groups) == (["c", "a"], ["x/c.png", "x/a.png"], ["s2", "s1"])
    assert turned.splits == ["validation", "train"]
    np.testing.assert_array_equal(turned.values, table.values[[2, 0]])
    np.testing.assert_array_equal(turned.probabilities, table.probabilities[[2, 0]])  # type: ignore[index]
    np.testing.assert_array_equal(turned.truths, [1, 0])
    np.testing.assert_array_equal(replace(turned, positive="normal").truths, [0, 1])
    with pytest.raises(EvaluationError, match=r"2 classes .*data\.positive"):
        _ = replace(turned, positive=None).truths


def test_other_files_are_refused(table: FeatureTable, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"not exist.*`sentinode features`"):
        FeatureTable.load(tmp_path / "none.parquet")
    text, frame = tmp_path / "a.txt", tmp_path / "b.parquet"
    text.write_text("not a table")
    pq.write_table(pa.table({"id": [1]}), frame)
    for path in (text, frame):
        with pytest.raises(DataError, match="is no table of features"):
            FeatureTable.load(path)
        with pytest.raises(StorageError, match="table of features"):
            check_place(path)
    with pytest.raises(StorageError):
        check_place(tmp_path)
    table.save(tmp_path / "t.parquet")
    check_place(tmp_path / "t.parquet")
    check_place(tmp_path / "new.parquet")
