"""Cutting: shares, classes, groups."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.core.errors import DataError
from sentinode.data.source_splits import shares_to_cut
from sentinode.data.splits import cut_by_class, cut_by_group, stain_clusters

_SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def test_a_role_that_the_source_plays_is_not_cut() -> None:
    fractions = (0.70, 0.15, 0.15)
    assert shares_to_cut(fractions, set()) == pytest.approx(_SHARES)
    assert shares_to_cut(fractions, {"train", "test"}) == pytest.approx(
        {"train": 0.70 / 0.85, "validation": 0.15 / 0.85}
    )
    assert shares_to_cut(fractions, {"train", "validation", "test"}) == {"train": 1.0}
    assert shares_to_cut((0.0, 0.0, 1.0), set()) == {"test": 1.0}
    assert shares_to_cut((0.0, 0.5, 0.5), {"train", "validation", "test"}) == {"train": 1.0}


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=200), st.integers(0, 5))
def test_each_class_is_shared_out_to_within_one(labels: list[str], seed: int) -> None:
    splits = cut_by_class(pd.Series(labels), _SHARES, seed)
    for label, count in Counter(labels).items():
        got = Counter(split for split, name in zip(splits, labels, strict=True) if name == label)
        assert all(abs(got[split] - share * count) < 1 for split, share in _SHARES.items())
        assert got["train"] >= 1


def test_cut_depends_on_the_seed_alone() -> None:
    labels = pd.Series(["a", "b"] * 50, index=np.arange(100) * 3)
    assert np.array_equal(cut_by_class(labels, _SHARES, 1), cut_by_class(labels, _SHARES, 1))
    assert not np.array_equal(cut_by_class(labels, _SHARES, 1), cut_by_class(labels, _SHARES, 2))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=12, max_size=40), st.integers(0, 3))
def test_no_group_is_torn_and_every_side_has_every_class(sizes: list[tuple[int, int]], seed: int) -> None:
    labels = pd.Series([name for normal, tumour in sizes for name in "n" * normal + "t" * tumour])
    groups = pd.Series([f"g{number}" for number, counts in enumerate(sizes) for _ in range(sum(counts))])
    table = pd.DataFrame({"label": labels, "group": groups, "split": cut_by_group(labels, groups, _SHARES, seed)})
    assert not table[["group", "split"]].drop_duplicates()["group"].duplicated().any()
    assert (table.groupby("split")["label"].nunique() == 2).all()
    assert set(table["split"]) == set(_SHARES)


def test_shares_and_prevalence_come_out_about_right_with_uneven_groups() -> None:
    rng = np.random.default_rng(0)
    groups = pd.Series(np.repeat([f"g{number}" for number in range(216)], rng.integers(20, 400, 216)))
    tumour_share = pd.Series(rng.beta(0.4, 0.6, 216), index=[f"g{number}" for number in range(216)])
    labels = pd.Series(np.where(rng.random(len(groups)) < groups.map(tumour_share), "tumour", "normal"))
    splits = pd.Series(cut_by_group(labels, groups, _SHARES, 42))
    for split, share in _SHARES.items():
        assert (splits == split).mean() == pytest.approx(share, abs=0.01)
        assert (labels[splits == split] == "tumour").mean() == pytest.approx((labels == "tumour").mean(), abs=0.01)


def test_another_seed_is_another_cut_by_group() -> None:
    groups = pd.Series(np.repeat([f"g{number}" for number in range(40)], 5))
    labels = pd.Series(["n", "t", "n", "t", "t"] * 40)
    cuts = {tuple(cut_by_group(labels, groups, _SHARES, seed)) for seed in (1, 1, 2)}
    assert len(cuts) == 2


def test_too_few_groups() -> None:
    with pytest.raises(DataError, match=r"2 groups .*train, validation, test"):
        cut_by_group(pd.Series(list("ntnt")), pd.Series(list("aabb")), _SHARES, 42)


def test_a_cluster_holds_one_stain() -> None:
    rng = np.random.default_rng(0)
    stains = np.repeat([[200, 90, 160], [120, 80, 170], [230, 200, 220], [180, 60, 60]], 75, axis=0)
    tiles = (stains[:, None, None] + rng.integers(-4, 5, (300, 8, 10, 3))).clip(0, 255).astype(np.uint8)
    rows = rng.permutation(300)[:290]
    clusters = stain_clusters(tiles, rows, seed=0)
    assert len(set(clusters)) == 12
    assert (pd.crosstab(rows // 75, clusters) > 0).sum(axis=0).max() == 1
    assert np.array_equal(clusters, stain_clusters(tiles, rows, seed=0))
