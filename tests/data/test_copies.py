"""Near copies of a data set: leaks across splits, together when splits are cut, and found once for a pack."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sentinode.core.errors import LeakError
from sentinode.data.copies import copy_sets, tied
from sentinode.data.dataset import Dataset
from sentinode.data.synthetic.patches import SyntheticPatches

Load = Callable[..., Dataset]


def _recompressed(tile: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer))


COPIES = {
    "recompressed": _recompressed,
    "turned": lambda tile: np.rot90(tile),
    "mirrored": lambda tile: tile[:, ::-1],
    "all three": lambda tile: _recompressed(np.ascontiguousarray(np.rot90(tile[::-1]))),
}


def _write(folder: Path, split: str, tiles: dict[str, np.ndarray]) -> None:
    for name, tile in tiles.items():
        path = folder / split / ("tumour" if int(name[:2]) % 2 else "normal") / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(tile)).save(path)


@pytest.fixture(scope="module")
def tiles() -> dict[str, np.ndarray]:
    source = SyntheticPatches({"n": "200", "seed": "5"})
    return {f"{number:02d}": source.read(number) for number in range(40)}


@pytest.mark.parametrize("how", COPIES)
def test_near_copies_across_splits_are_leaks(
    tiles: dict[str, np.ndarray], tmp_path: Path, load: Load, how: str
) -> None:
    names = list(tiles)
    for split, part in (("train", names[:20]), ("valid", names[20:30]), ("test", names[30:])):
        _write(tmp_path / "d", split, {name: tiles[name] for name in part})
    _write(tmp_path / "d", "train", {f"{name}copy": COPIES[how](tiles[name]) for name in names[30:33]})
    unsearched = load(tmp_path / "d", near_copies=False)
    assert (unsearched.near_copies, len(unsearched.manifest.table)) == (False, 43)
    assert not list(unsearched.pack.folder.glob("near-*"))  # what was not looked for is not kept as none
    with pytest.raises(
        LeakError, match=r"near copies .* splits, 3 images: train/normal/30copy\.png ~ test/normal/30\.png"
    ):
        load(tmp_path / "d")
    manifest = load(tmp_path / "d", on_leak="drop").manifest
    assert manifest.excluded() == {"leak: near copy in another split": 3}
    assert len(manifest.ids("test")) == 10


def test_copies_stay_together_when_splits_are_cut(tiles: dict[str, np.ndarray], tmp_path: Path, load: Load) -> None:
    for name, tile in tiles.items():
        _write(tmp_path, "d", {name: tile, f"{name}copy": _recompressed(tile)})
    table = load(tmp_path / "d").manifest.table
    assert table["copies"].notna().mean() > 0.9  # but for those that are near-blank
    torn = table.dropna(subset=["copies"]).drop_duplicates(["copies", "split"]).duplicated("copies")
    assert not torn.any()
    assert set(table["split"]) == {"train", "validation", "test"}


def test_data_without_copies_is_cut_as_before(tiles: dict[str, np.ndarray], tmp_path: Path, load: Load) -> None:
    _write(tmp_path, "d", tiles)
    first = load(tmp_path / "d").manifest
    assert first.table["copies"].isna().all()
    assert [len(first.ids(split)) for split in ("train", "validation", "test")] == [28, 6, 6]


def test_they_are_found_once(tiles: dict[str, np.ndarray], tmp_path: Path, load: Load) -> None:
    _write(tmp_path, "d", {**tiles, "01copy": np.rot90(tiles["01"])})
    (pack,) = {load(tmp_path / "d").pack.folder, load(tmp_path / "d").pack.folder}
    (kept,) = pack.glob("near-duplicates-*.parquet")
    pd.read_parquet(kept).iloc[:0].to_parquet(kept)
    assert load(tmp_path / "d").manifest.table["copies"].isna().all()  # read, and not looked for again


def test_sets_follow_from_pairs() -> None:
    table = pd.DataFrame({"id": list("abcde"), "pixels": ["1", "2", "3", "2", "5"]}, index=[3, 1, 4, 9, 2])
    pairs = pd.DataFrame({"first": ["1", "9"], "second": ["2", "3"], "correlation": [0.9, 0.9]})
    assert copy_sets(table, pairs).tolist() == ["a", "a", None, "a", None]
    assert copy_sets(table, pairs.iloc[:0]).isna().all()


def test_groups_with_copies_of_each_other_are_tied() -> None:
    copies = pd.Series(["x", None, "x", None, "y"], dtype=object)
    assert tied(pd.Series(list("pqrqs")), copies).tolist() == ["p", "q", "p", "q", "s"]
    alone = tied(None, copies).tolist()
    assert alone[0] == alone[2]
    assert len(set(alone)) == 4
