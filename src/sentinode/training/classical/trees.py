"""scikit-learn's trees as the flat arrays that `TreesHead` walks, with thresholds of raw features in float32."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

_LARGEST_INT16 = 2**15 - 1
_INFINITY = 0x7F800000  # the bits of float32's, above those of every number


@dataclass(frozen=True, eq=False)
class Scaling:
    """What stands before a classifier: S of the D features, less `mean`, divided by `scale`, in float64."""

    columns: NDArray[np.int32]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree, n nodes, the root first; a leaf's `left` is −1."""

    feature: NDArray[np.int64]
    """(n,) numbers of raw features; 0 for a leaf."""

    threshold: NDArray[np.float32]
    """(n,) of raw features: left when x <= threshold; infinite for a leaf."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    values: NDArray[np.float32]
    """(n, V); what an inner node has is not used."""


def forest_trees(forest: RandomForestClassifier, scaling: Scaling) -> list[Tree]:
    """Trees of a forest, with the share of each class; they compare float32 with thresholds in float64."""
    return [
        _tree(
            estimator.tree_.feature,
            estimator.tree_.threshold,
            estimator.tree_.children_left,
            estimator.tree_.children_right,
            estimator.tree_.value[:, 0, :],
            scaling,
            compared=np.float32,
        )
        for estimator in forest.estimators_
    ]


def boosting_trees(boosting: HistGradientBoostingClassifier, scaling: Scaling) -> list[Tree]:
    """Trees of histogram gradient boosting, round by round and class by class; they compare in float64."""
    # There is no public way to the nodes.
    nodes = [predictor.nodes for one_round in boosting._predictors for predictor in one_round]
    return [
        _tree(
            tree["feature_idx"],
            tree["num_threshold"],
            np.where(tree["is_leaf"], -1, tree["left"].astype(np.int64)),
            tree["right"].astype(np.int64),
            tree["value"][:, None],
            scaling,
            compared=np.float64,
        )
        for tree in nodes
    ]


def stack(trees: Iterable[Tree], features: int) -> tuple[dict[str, NDArray[Any]], int]:
    """The arrays of `TreesHead` but the baseline, and the depth of the deepest tree.

    Children of one node lie side by side, so that one number tells both. Equal leaves share a row of values: in a
    forest of full-grown trees there are as many different ones as classes.
    """
    parts: dict[str, list[NDArray[Any]]] = {"feature": [], "threshold": [], "child": [], "values": []}
    roots, depth, nodes = [], 0, 0
    for tree in trees:
        order, levels = _by_level(tree)
        inner = tree.left[order] >= 0
        child = np.arange(len(order))  # a leaf is its own child
        child[inner] = 1 + 2 * np.arange(inner.sum())
        for name, array in (("feature", tree.feature), ("threshold", tree.threshold), ("values", tree.values)):
            parts[name].append(array[order])
        parts["child"].append(child + nodes)
        roots.append(nodes)
        nodes, depth = nodes + len(order), max(depth, levels)
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    values, leaf = np.unique(joined["values"], axis=0, return_inverse=True)
    return {
        "roots": np.array(roots, dtype=np.int32),
        "feature": joined["feature"].astype(np.int16 if features <= _LARGEST_INT16 else np.int32),
        "threshold": joined["threshold"],
        "child": joined["child"].astype(np.int32),
        "leaf": leaf.astype(np.int32).ravel(),
        "values": values,
    }, depth


def raw_thresholds(
    thresholds: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64], compared: type[np.floating]
) -> NDArray[np.float32]:
    """For each cut (n,) the largest float32 x for which scikit-learn finds (x − mean) / scale <= threshold.

    Scaling, and rounding to the precision that it compares in, never change the order of two numbers. So there is one
    such x, and comparing raw features with it decides every float32 exactly as scikit-learn does. It is found by
    bisection over float32's bits, whose order is that of the numbers.
    """

    def goes_left(x: NDArray[np.float32]) -> NDArray[np.bool_]:
        with np.errstate(over="ignore"):
            return ((x.astype(np.float64) - mean) / scale).astype(compared) <= thresholds

    return _largest(goes_left, len(thresholds))


def _largest(holds: Callable[[NDArray[np.float32]], NDArray[np.bool_]], count: int) -> NDArray[np.float32]:
    low = np.full(count, -_INFINITY, dtype=np.int64)  # where it is taken to hold
    high = np.full(count, _INFINITY, dtype=np.int64)  # where it is taken not to
    for _ in range(33):
        middle = (low + high) // 2
        true = holds(_of_rank(middle))
        low, high = np.where(true, middle, low), np.where(true, high, middle)
    return _of_rank(low)


def _of_rank(rank: NDArray[np.int64]) -> NDArray[np.float32]:
    """The float32 that stands `rank` places above zero in the order of all of them."""
    bits = np.where(rank >= 0, rank, -rank | 0x80000000).astype(np.uint32)
    return bits.view(np.float32)


def _tree(
    feature: NDArray[Any],
    threshold: NDArray[Any],
    left: NDArray[Any],
    right: NDArray[Any],
    values: NDArray[Any],
    scaling: Scaling,
    *,
    compared: type[np.floating],
) -> Tree:
    inner = left >= 0
    selected = feature[inner].astype(np.int64)
    numbers = np.zeros(len(left), dtype=np.int64)
    numbers[inner] = scaling.columns[selected]
    thresholds = np.full(len(left), np.inf, dtype=np.float32)
    cuts = threshold[inner].astype(np.float64)
    thresholds[inner] = raw_thresholds(cuts, scaling.mean[selected], scaling.scale[selected], compared)
    return Tree(numbers, thresholds, left.astype(np.int64), right.astype(np.int64), _leaf_values(values, inner))


def _leaf_values(values: NDArray[Any], inner: NDArray[np.bool_]) -> NDArray[np.float32]:
    leaves = values.astype(np.float32)
    leaves[inner] = leaves[~inner][0]  # not a value more in the table than leaves need
    return leaves


def _by_level(tree: Tree) -> tuple[NDArray[np.int64], int]:
    """The nodes in breadth-first order (n,), children of one node side by side, and the depth."""
    level, order = np.zeros(1, dtype=np.int64), []
    while len(level):
        order.append(level)
        inner = level[tree.left[level] >= 0]
        level = np.stack([tree.left[inner], tree.right[inner]], axis=1).ravel()
    return np.concatenate(order), len(order) - 1
