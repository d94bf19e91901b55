"""How many tiles each slide gives."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from sentinode.data.tiles.balance import balance, share_out


def table(**counts):
    rows = [
        (slide, label, split)
        for slide, (split, normal, tumour) in counts.items()
        for label, count in (("normal", normal), ("tumour", tumour))
        for _ in range(count)
    ]
    return pd.DataFrame(rows, columns=["slide", "label", "split"])


def kept(found, ratio=1.0):
    return found[balance(found, ratio)].groupby(["slide", "label"]).size().to_dict()


def test_each_split_is_balanced_and_slides_share_alike():
    found = table(a=("train", 50, 12), b=("train", 3, 0), c=("train", 50, 0), d=("test", 4, 9))
    assert kept(found) == {
        ("a", "normal"): 5, ("b", "normal"): 3, ("c", "normal"): 4, ("a", "tumour"): 12,
        ("d", "normal"): 4, ("d", "tumour"): 4,
    }  # fmt: skip
    assert kept(found, ratio=2)[("a", "normal")] == 11
    assert kept(found, ratio=2)[("d", "tumour")] == 2


def test_a_split_without_a_class_is_kept_whole():
    assert kept(table(a=("train", 5, 2), b=("test", 7, 0)))[("b", "normal")] == 7


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.floats(0, 1))
def test_shares_sum_up_and_are_level(available, part):
    have = np.array(available, np.int64)
    total = int(have.sum() * part)
    given_ = share_out(have, total)
    assert given_.sum() == total
    assert (given_ <= have).all()
    short = given_ < have
    if short.any():
        assert given_.max() - given_[short].min() <= 1
