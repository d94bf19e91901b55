"""Cutting a set of samples into train, validation and test: by class, and by slide where slides are known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from sentinode.core.errors import DataError
from sentinode.core.messages import plural
from sentinode.core.stain_statistics import stain_statistics

_ORDERS_TRIED = 16
_GROUPS_TRIED = 200_000  # in all orders together: with many small groups any order fits, and trying takes time
# So many images to a cluster of similar stain: PatchCamelyon has about 1,200 training patches a slide, but a slide's
# stain varies, and too few clusters can't be shared out evenly.
_IMAGES_A_CLUSTER = 200
_CLUSTERS = (12, 100)
_IMAGES_FITTED = 20_000


def cut_by_class(labels: "pd.Series[str]", shares: Mapping[str, float], seed: int) -> NDArray[np.object_]:
    """A split for each sample, each class shared out by `shares`; each sample goes its own way. (N,) of str."""
    rng = np.random.default_rng(seed)
    splits = np.empty(len(labels), dtype=object)
    for _, members in sorted(labels.reset_index(drop=True).groupby(labels.to_numpy()).groups.items()):
        counts = _largest_remainder(len(members), np.array(list(shares.values())))
        splits[rng.permutation(np.asarray(members))] = np.repeat(list(shares), counts)
    return splits


def cut_by_group(
    labels: "pd.Series[str]", groups: "pd.Series[str]", shares: Mapping[str, float], seed: int
) -> NDArray[np.object_]:
    """A split for each sample, so that no group is on two sides and each class is shared out about by `shares`.

    Groups are given away one after another, the largest first, each to the side that lacks its classes most; of
    several orders the one that comes nearest to `shares` is kept. (N,) of str.

    Raises:
        DataError: There are too few groups to give each side one, or no way was found to give train every class.
    """
    counts = pd.crosstab(groups.to_numpy(), labels.to_numpy())
    fractions = np.array(list(shares.values()))
    share = counts.to_numpy() / counts.to_numpy().sum(axis=0)  # (G, C): a group's share of each class
    rng = np.random.default_rng(seed)
    tried = max(1, min(_ORDERS_TRIED, _GROUPS_TRIED // len(share)))
    orders = [np.argsort(-share.sum(axis=1) * np.exp(rng.normal(0, 0.3, len(share)))) for _ in range(tried)]
    sides = min((_give_away(share, fractions, order) for order in orders), key=lambda s: _misfit(share, fractions, s))
    splits = np.array(list(shares), dtype=object)[sides]
    _check_shared_out(counts, splits, list(shares))
    split_of = dict(zip(counts.index, splits, strict=True))
    return np.array([split_of[group] for group in groups], dtype=object)


def stain_clusters(
    tiles: NDArray[np.uint8], rows: NDArray[np.int64], seed: int, *, images_a_cluster: int = _IMAGES_A_CLUSTER
) -> NDArray[np.object_]:
    """Clusters of images of similar stain, by k-means on their stain statistics: a proxy where no slide is known.

    Args:
        tiles: (M, H, W, 3) uint8.
        rows: (N,) which of the tiles.
        seed: Of the clustering.
        images_a_cluster: About so many, within bounds on the number of clusters.

    Returns:
        (N,) of str, such as `stain-07`.
    """
    # Every other pixel each way says as much about an image's stain, in a quarter of the time.
    parts = np.array_split(rows, len(rows) // 1024 + 1)
    statistics = np.concatenate([stain_statistics(tiles[part][:, ::2, ::2]) for part in parts])
    scaled = (statistics - statistics.mean(axis=0)) / (statistics.std(axis=0) + 1e-6)
    count = min(len(np.unique(scaled, axis=0)), int(np.clip(len(rows) // images_a_cluster, *_CLUSTERS)))
    fitted_on = np.random.default_rng(seed).permutation(len(rows))[:_IMAGES_FITTED]
    clusters = KMeans(count, n_init=2, random_state=seed).fit(scaled[fitted_on]).predict(scaled)
    return np.array([f"stain-{number:02d}" for number in clusters], dtype=object)


def _largest_remainder(count: int, fractions: NDArray[np.float64]) -> NDArray[np.int64]:
    # Whole numbers that sum to `count`, each less than one from its share; of equal remainders the first (train) wins.
    exact = count * fractions
    whole = np.floor(exact + 1e-9).astype(np.int64)
    for place in np.argsort(-(exact - whole), kind="stable")[: count - whole.sum()]:
        whole[place] += 1
    return whole


def _give_away(
    share: NDArray[np.float64], fractions: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    held = np.zeros((len(fractions), share.shape[1]))
    sides = np.empty(len(share), dtype=np.int64)
    for group in order:
        # The squared distance to the wanted shares grows least here: of (held + s - f)², only 2·s·(held - f) differs.
        side = int(np.argmin((held - fractions[:, None]) @ share[group]))
        held[side] += share[group]
        sides[group] = side
    return sides


def _check_shared_out(counts: pd.DataFrame, splits: NDArray[np.object_], wanted: list[str]) -> None:
    missing = [f"{split} gets none" for split in wanted if split not in splits]
    trained = counts[splits == "train"].sum()
    if "train" in wanted:
        missing += [f"train gets none with class {name}" for name in counts.columns if not trained[name]]
    if missing:
        raise DataError(
            f"{plural(len(counts), 'group')} can't be shared out over {', '.join(wanted)}: {missing[0]}; "
            "add groups, cut fewer splits (data.split.fractions), or name the splits in the source"
        )


def _misfit(
    share: NDArray[np.float64], fractions: NDArray[np.float64], sides: NDArray[np.int64]
) -> tuple[int, int, float]:
    held = np.stack([share[sides == side].sum(axis=0) for side in range(len(fractions))])  # (sides, C)
    untrained = int((held[0] == 0).sum())  # a class that can't be learned is worse than one that can't be tested
    return untrained, int((held == 0).sum()), float(((held - fractions[:, None]) ** 2).sum())
