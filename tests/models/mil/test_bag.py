from pathlib import Path

import numpy as np
import pytest

from helpers.bags import make_bag, write_as_trident
from sentinode.core.errors import DataError
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import Bag, BagFacts, joint_space
from sentinode.models.mil.bag_file import read_bag

SPACE = FeatureSpace("network", "drawn", 96, "0" * 64)


def test_features_come_in_the_order_that_was_asked_for() -> None:
    bag = make_bag("a", tiles=7, size=3)
    wanted = np.array([5, 0, 5])
    got = bag.features(wanted)
    assert got.dtype == np.float32
    assert got.tolist() == np.asarray(bag.rows[wanted], np.float32).tolist()
    assert bag.features(slice(2, 4)).shape == (2, 3)


def test_features_are_a_copy() -> None:
    bag = make_bag("a", tiles=2, size=2)
    before = bag.features()
    bag.features()[:] = 9
    assert np.array_equal(bag.features(), before)


def test_features_that_are_no_numbers_are_named() -> None:
    features = np.zeros((4, 2), np.float16)
    features[2, 1] = np.nan
    bag = Bag(BagFacts(name="a", space=SPACE), features, np.zeros((4, 2), np.int64))
    assert bag.features(np.array([0, 1, 3])).shape == (3, 2)
    with pytest.raises(DataError, match="the features of tile 2 are no finite numbers"):
        bag.features(np.array([3, 2]))


@pytest.mark.parametrize(
    ("features", "coords", "said"),
    [
        ((3, 2), (4, 2), "3 tiles and coordinates of 4"),
        ((0, 2), (0, 2), "is empty"),
        ((3, 0), (3, 2), "is empty"),
        ((3,), (3, 2), r"\(N, D\) and \(N, 2\) are wanted"),
        ((3, 2), (3, 3), r"\(N, D\) and \(N, 2\) are wanted"),
    ],
)
def test_arrays_that_do_not_go_together_are_refused(
    features: tuple[int, ...], coords: tuple[int, ...], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        Bag(BagFacts(name="a", space=SPACE), np.zeros(features, np.float16), np.zeros(coords, np.int64))


@pytest.mark.parametrize("names", [(), ("normal",), ("normal", "tumour", "other")])
def test_scores_have_a_column_for_each_class(names: tuple[str, ...]) -> None:
    facts = BagFacts(name="a", space=SPACE, score_names=names)
    with pytest.raises(DataError, match="the shape of its scores"):
        Bag(facts, np.zeros((3, 2), np.float16), np.zeros((3, 2), np.int64), np.zeros((3, 2), np.float32))


def test_bags_of_one_network_share_its_space() -> None:
    assert joint_space([make_bag("a"), make_bag("b", tiles=9)]) == make_bag("a").facts.space


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            {"network": "another"},
            r"a has features of drawn, the hash \w{64} of its network, b has features of another, ",
        ),
        ({"size": 5}, "a has 4 numbers a tile, b has 5 numbers a tile;"),
        ({"mpp": 0.25}, r"a has 0\.5 µm/px, b has 0\.25 µm/px;"),
        ({"step": 48}, "a has a step of 96 px, b has a step of 48 px;"),
    ],
)
def test_bags_of_different_kinds_are_refused_by_what_differs(other: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=f"the features are not of one kind: {said}"):
        joint_space([make_bag("a"), make_bag("b", **other)])  # type: ignore[arg-type]


def test_files_of_one_network_with_tiles_of_two_sizes_are_told_apart(tmp_path: Path) -> None:
    for name, size in (("a", 256), ("b", 224)):
        write_as_trident(tmp_path / f"{name}.h5", np.ones((3, 2), np.float32), np.zeros((3, 2), np.int64),
                         patch_size=size, overlap=0)  # fmt: skip
    said = "a has tiles of 256 px, a step of 256 px, b has tiles of 224 px, a step of 224 px;"
    with pytest.raises(DataError, match=said):
        joint_space([read_bag(tmp_path / f"{name}.h5") for name in "ab"])


def test_no_bag_has_no_space() -> None:
    with pytest.raises(DataError, match="there is no bag"):
        joint_space([])
