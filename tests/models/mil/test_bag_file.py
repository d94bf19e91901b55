from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from helpers.bags import make_bag, write_as_trident
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.models.mil.bag import Bag
from sentinode.models.mil.bag_file import checked_sha256, key_in, read_bag, read_bag_header, write_bag
from sentinode.models.mil.bag_hash import sha256_of_arrays

FEATURES = np.random.default_rng(1).normal(size=(11, 8)).astype(np.float32)
COORDS = np.arange(22).reshape(11, 2) * 512


def _same(one: Bag, other: Bag) -> bool:
    scores = (one.scores is None) == (other.scores is None)
    if one.scores is not None and other.scores is not None:
        scores = np.array_equal(one.scores, other.scores)
    arrays = np.array_equal(one.features(), other.features()) and np.array_equal(one.coords, other.coords)
    return scores and arrays and one.facts == other.facts


@pytest.mark.parametrize("classes", [(), ("normal", "tumour")])
def test_what_was_written_is_read(tmp_path: Path, classes: tuple[str, ...]) -> None:
    bag = make_bag("a", tiles=13, size=5, classes=classes)
    write_bag(tmp_path / "a.h5", bag)
    read = read_bag(tmp_path / "a.h5")
    assert _same(read, bag)
    assert read.coords.dtype == np.int64
    header = read_bag_header(tmp_path / "a.h5")
    assert (header.facts, header.tiles, header.size) == (bag.facts, 13, 5)


def test_the_same_bag_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        write_bag(tmp_path / name, make_bag("a", classes=("normal", "tumour")))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_bag_of_a_file_can_be_written_again(tmp_path: Path) -> None:
    write_bag(tmp_path / "a.h5", make_bag("a"))
    write_bag(tmp_path / "b.h5", read_bag(tmp_path / "a.h5"))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_other_programs_find_what_trident_writes(tmp_path: Path) -> None:
    write_bag(tmp_path / "a.h5", make_bag("a", tiles=5, mpp=0.5))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["features"].shape == (5, 4)
        assert dict(file["coords"].attrs) == {
            "name": "a", "patch_size": 96, "patch_size_level0": 96, "overlap": 0, "target_magnification": 20.0,
            "level0_magnification": 20.0, "level0_width": 480, "level0_height": 96,
        }  # fmt: skip
        assert file["features"].attrs["encoder"] == "drawn"


@pytest.mark.parametrize("chunk", [1, 4])
def test_a_file_of_trident_is_read(tmp_path: Path, chunk: int) -> None:
    write_as_trident(tmp_path / "s.h5", FEATURES, COORDS, chunk=chunk)
    bag = read_bag(tmp_path / "s.h5")
    assert bag.name == "s"
    assert bag.facts.space.name == "uni_v1"
    assert bag.facts.grid is not None
    assert (bag.facts.grid.tile_px, bag.facts.grid.mpp, bag.facts.grid.step_px) == (256, 0.5, 224)
    assert np.array_equal(bag.features(), FEATURES)
    wanted = np.array([10, 0, 3, 10])
    assert np.array_equal(bag.features(wanted), FEATURES[wanted])
    assert np.array_equal(bag.features(slice(2, 9)), FEATURES[2:9])
    assert np.array_equal(bag.coords, COORDS)


@pytest.mark.parametrize("chunks", [None, (1, 3, 8)])
def test_an_axis_of_one_in_front_is_left_out(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("features", data=FEATURES[None], chunks=chunks)
        file.create_dataset("coords", data=COORDS[None])
    bag = read_bag(tmp_path / "s.h5", encoder="UNI")
    assert bag.facts.space.name == "UNI"
    assert bag.facts.grid is None
    assert np.array_equal(bag.features(np.array([7, 1])), FEATURES[[7, 1]])
    assert np.array_equal(bag.coords, COORDS)


def test_features_in_float16_of_another_program_are_read(tmp_path: Path) -> None:
    write_as_trident(tmp_path / "s.h5", FEATURES.astype(np.float16), COORDS.astype(np.float64))
    assert np.array_equal(read_bag(tmp_path / "s.h5").features(), FEATURES.astype(np.float16).astype(np.float32))


def test_features_of_an_unnamed_network_want_a_name(tmp_path: Path) -> None:
    write_as_trident(tmp_path / "s.h5", FEATURES, COORDS, encoder=None)
    with pytest.raises(DataError, match="does not say which network its features are of; name it with --encoder"):
        read_bag(tmp_path / "s.h5")
    assert read_bag_header(tmp_path / "s.h5", encoder="UNI").facts.space.name == "UNI"


@pytest.mark.parametrize("own", [True, False])
def test_a_name_that_contradicts_the_file_is_refused(tmp_path: Path, own: bool) -> None:
    if own:
        write_bag(tmp_path / "s.h5", make_bag("s"))
    else:
        write_as_trident(tmp_path / "s.h5", FEATURES, COORDS)
    with pytest.raises(DataError, match=f"of {'drawn' if own else 'uni_v1'}, not virchow"):
        read_bag(tmp_path / "s.h5", encoder="virchow")


def _array(file: h5py.File, name: str, values: np.ndarray) -> None:
    del file[name]
    file[name] = values


def _linked(file: h5py.File) -> None:
    del file["features"]
    file["features"] = h5py.ExternalLink("other.h5", "features")


DAMAGE: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "no features": (lambda file: file.pop("features"), "has no array 'features', it holds coords"),
    "no coordinates": (lambda file: file.pop("coords"), "has no array 'coords', it holds features"),
    "a group": (lambda file: (file.pop("coords"), file.create_group("coords")), "has no array 'coords'"),
    "fewer coordinates": (lambda file: _array(file, "coords", COORDS[:3]), "11 tiles and coordinates of 3"),
    "no tile": (
        lambda file: (_array(file, "features", FEATURES[:0]), _array(file, "coords", COORDS[:0])),
        "is empty",
    ),
    "whole features": (lambda file: _array(file, "features", COORDS), "features of type int64"),
    "micrometres": (lambda file: _array(file, "coords", COORDS + 0.25), "no whole level-0 pixels"),
    "in another file": (_linked, "has 'features' in another file"),
    "another shape": (lambda file: _array(file, "features", FEATURES[None, None]), "are wanted"),
    "no values": (
        lambda file: (file.pop("features"), file.create_dataset("features", (11, 8), "f4")),
        "holds no features, only their shape",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_no_bag_is_refused(tmp_path: Path, damage: str) -> None:
    write_as_trident(tmp_path / "other.h5", FEATURES, COORDS)
    write_as_trident(tmp_path / "s.h5", FEATURES, COORDS)
    do, said = DAMAGE[damage]
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        do(file)
    with pytest.raises(DataError, match=said):
        read_bag(tmp_path / "s.h5", encoder="uni_v1")


def test_no_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="does not exist"):
        read_bag(tmp_path / "s.h5")


@pytest.mark.parametrize("content", [b"", b"slide,label\na,1\n", b"\x89HDF\r\n\x1a\n" + bytes(2000)])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.h5").write_bytes(content)
    with pytest.raises(DataError, match="is no HDF5 file that can be read"):
        read_bag(tmp_path / "s.h5")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    write_bag(tmp_path / "s.h5", make_bag("s", tiles=500))
    content = (tmp_path / "s.h5").read_bytes()
    (tmp_path / "s.h5").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DataError, match="is no HDF5 file that can be read"):
        read_bag(tmp_path / "s.h5")


def test_a_damaged_statement_is_refused(tmp_path: Path) -> None:
    write_bag(tmp_path / "s.h5", make_bag("s"))
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        file.attrs["sentinode"] = '{"name": "s"}'
    with pytest.raises(DataError, match="'space' is missing"):
        read_bag_header(tmp_path / "s.h5")


@pytest.mark.parametrize(
    ("version", "said"),
    [(3, "format 3, newer than 2"), (1, "format 1, without a hash of its arrays; compute it again")],
)
def test_another_format_is_refused(tmp_path: Path, version: int, said: str) -> None:
    write_bag(tmp_path / "s.h5", make_bag("s"))
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        file.attrs["format_version"] = version
    with pytest.raises(DataError, match=said):
        read_bag(tmp_path / "s.h5")
    assert key_in(tmp_path / "s.h5") == "1" * 64


@pytest.mark.parametrize("array", ["features", "coords", "scores"])
def test_a_changed_byte_is_found(tmp_path: Path, array: str) -> None:
    path = tmp_path / "s.h5"
    write_bag(path, make_bag("s", tiles=9_000, size=3, classes=("normal", "tumour")))
    assert checked_sha256(path) == read_bag_header(path).sha256 == sha256_of_arrays(read_bag(path))
    with h5py.File(path) as file:
        place = file[array].id.get_offset() + file[array].id.get_storage_size() - 2
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"s\.h5 is damaged: the SHA-256 of its arrays is .*; compute it again"):
        checked_sha256(path)


def test_a_file_of_trident_is_hashed_as_a_whole(tmp_path: Path) -> None:
    features = np.zeros((5_000, 2), np.float32)
    write_as_trident(tmp_path / "a.h5", features, np.zeros((5_000, 2), np.int64), chunk=512)
    features[-1, -1] = 1
    write_as_trident(tmp_path / "b.h5", features, np.zeros((5_000, 2), np.int64), chunk=512)
    write_as_trident(tmp_path / "c.h5", features, np.ones((5_000, 2), np.int64), chunk=512)
    write_as_trident(tmp_path / "d.h5", features, np.ones((5_000, 2), np.int64), chunk=100)
    found = [checked_sha256(tmp_path / f"{name}.h5") for name in "abcd"]
    assert len(set(found)) == 3
    assert found[2] == found[3]
    assert read_bag_header(tmp_path / "a.h5").sha256 == ""


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"target_magnification": 0}, "target_magnification = 0, where a magnification"),
        ({"target_magnification": -20}, "target_magnification = -20, where a magnification"),
        ({"target_magnification": np.nan}, "target_magnification = nan, where a number"),
        ({"target_magnification": np.inf}, "target_magnification = inf, where a number"),
        ({"target_magnification": 1e300}, r"target_magnification = 1e\+300, where a magnification"),
        ({"target_magnification": "twenty"}, "target_magnification = twenty, where a number"),
        ({"target_magnification": [20, 40]}, r"target_magnification = \[20 40\], where a number"),
        ({"patch_size": 0}, "patch_size = 0, where pixels from 1 to 65,536"),
        ({"patch_size": -256}, "patch_size = -256, where pixels"),
        ({"patch_size": 2**40}, "patch_size = 1099511627776, where pixels"),
        ({"patch_size": 256.5}, r"patch_size = 256\.5, where a whole number"),
        ({"overlap": 256}, "overlap = 256, where less than patch_size, 256"),
        ({"overlap": 300}, "overlap = 300, where less than patch_size, 256"),
        ({"overlap": -(2**40)}, "overlap = -1099511627776, where less than patch_size, 256, and at least -65280"),
    ],
)
def test_a_grid_that_can_not_be_is_refused_with_its_value(tmp_path: Path, stated: dict[str, object], said: str) -> None:
    write_as_trident(tmp_path / "s.h5", FEATURES, COORDS, **stated)
    for read in (read_bag, read_bag_header):
        with pytest.raises(DataError, match=rf"s\.h5 says {said}"):
            read(tmp_path / "s.h5")


def test_a_negative_overlap_is_a_gap_between_tiles(tmp_path: Path) -> None:
    write_as_trident(tmp_path / "s.h5", FEATURES, COORDS, overlap=-256)
    grid = read_bag(tmp_path / "s.h5").facts.grid
    assert grid is not None
    assert grid.step_px == 512


@pytest.mark.parametrize(("value", "said"), [(np.nan, "tile 3 are no finite"), (70_000.0, "beyond ±65,504")])
def test_features_that_float16_does_not_hold_are_not_written(tmp_path: Path, value: float, said: str) -> None:
    features = np.zeros((6, 4), np.float32)
    features[3, 1] = value
    with pytest.raises(DataError, match=said):
        write_bag(tmp_path / "a.h5", replace(make_bag("a"), rows=features))
    assert list(tmp_path.iterdir()) == []


def test_scores_that_are_no_numbers_are_neither_written_nor_read(tmp_path: Path) -> None:
    bag = make_bag("a", classes=("normal", "tumour"))
    write_bag(tmp_path / "a.h5", bag)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["scores"][2, 1] = np.inf
    with pytest.raises(DataError, match="scores that are no finite numbers"):
        read_bag(tmp_path / "a.h5")
    with pytest.raises(DataError, match="scores that are no finite numbers"):
        write_bag(tmp_path / "b.h5", replace(bag, scores=np.full((6, 2), np.nan, np.float32)))


@pytest.mark.parametrize("own", [True, False])
def test_a_file_that_changes_while_it_is_used_is_noticed(tmp_path: Path, own: bool) -> None:
    path = tmp_path / "s.h5"
    if own:
        write_bag(path, make_bag("s"))
    else:
        write_as_trident(path, FEATURES, COORDS)
    bag = read_bag(path)
    bag.features()
    write_bag(path, make_bag("other", tiles=7))
    with pytest.raises(DataError, match="was changed while it was in use"):
        bag.features()
    path.unlink()
    with pytest.raises(DataError, match="can't be read: No such file"):
        bag.features()
