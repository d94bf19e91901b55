from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from sentinode.training.classical.trees import Scaling, forest_trees, raw_thresholds, stack

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@settings(max_examples=200)
@given(threshold=NUMBERS, mean=NUMBERS, exponent=st.floats(-6, 6), compared=st.sampled_from([np.float32, np.float64]))
def test_the_raw_threshold_is_the_last_float32_that_goes_left(
    threshold: float, mean: float, exponent: float, compared: Any
) -> None:
    scale = 10.0**exponent
    arrays = (np.array([value]) for value in (threshold, mean, scale))
    found = raw_thresholds(*arrays, compared)[0]

    def left(x: np.float32) -> bool:
        return bool(np.float64(compared((np.float64(x) - mean) / scale)) <= threshold)

    assert found.dtype == np.float32
    assert left(found)
    assert not left(np.nextafter(found, np.float32(np.inf)))


def test_a_cut_beyond_every_number_sends_all_to_one_side() -> None:
    ones = np.ones(2)
    low, high = raw_thresholds(np.array([-np.inf, np.inf]), ones, ones, np.float64)
    assert low == -np.inf
    assert high == np.finfo(np.float32).max


@pytest.mark.parametrize(("features", "kind"), [(6, np.int16), (40_000, np.int32)])
def test_stacked_trees_can_be_walked_by_hand(features: int, kind: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6)).astype(np.float32)
    y = rng.integers(0, 3, 80)
    mean, scale = X.mean(0, dtype=np.float64), X.std(0, dtype=np.float64)
    forest = RandomForestClassifier(n_estimators=5, random_state=0).fit((X.astype(np.float64) - mean) / scale, y)
    arrays, depth = stack(forest_trees(forest, Scaling(np.arange(6, dtype=np.int32), mean, scale)), features)
    assert arrays["feature"].dtype == kind
    assert len(arrays["values"]) == 3  # full-grown trees: three kinds of leaves
    assert depth == max(tree.get_depth() for tree in forest.estimators_)
    probe = rng.normal(size=(50, 6)).astype(np.float32)
    for x, expected in zip(probe, forest.predict_proba((probe.astype(np.float64) - mean) / scale), strict=True):
        shares = []
        for root in arrays["roots"]:
            node = root
            for _ in range(depth):
                node = arrays["child"][node] + (x[arrays["feature"][node]] > arrays["threshold"][node])
            assert arrays["child"][node] == node
            shares.append(arrays["values"][arrays["leaf"][node]])
        np.testing.assert_allclose(np.mean(shares, axis=0), expected, atol=1e-6)
