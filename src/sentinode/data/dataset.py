"""From a configuration to checked, split and packed images: what training and evaluation call."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.core.progress import Progress
from sentinode.data import checks
from sentinode.data.address import open_configured
from sentinode.data.copies import copy_sets, near_copies, tied
from sentinode.data.data_config import DataConfig, SplitConfig
from sentinode.data.manifest import COLUMNS, Grouping, Manifest
from sentinode.data.pack import Pack, pack
from sentinode.data.source import Scaled, Source, has_context, recognise_positive
from sentinode.data.source_splits import SPLITS, assign_splits, shares_to_cut
from sentinode.data.splits import cut_by_class, cut_by_group, stain_clusters


class Images(Sequence[NDArray[np.uint8]]):
    """Some rows of a memory-mapped array, read when they are asked for."""

    def __init__(self, tiles: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        self._tiles = tiles
        self._rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, 3)."""
        return (len(self._rows), *self._tiles.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int | slice | NDArray[np.integer]) -> NDArray[np.uint8]:  # type: ignore[override]
        """One image (H, W, 3) for a number, several (n, H, W, 3) for a slice or an array of numbers."""
        return self._tiles[self._rows[index]]

    def chosen(self, places: NDArray[np.int64]) -> "Images":
        """Those at some places, still unread."""
        return Images(self._tiles, self._rows[places])


class CutImages(Images):
    """Images that were packed as tiles, given by their first rows; each is put together again when it is read."""

    def __init__(self, pack: Pack, rows: NDArray[np.int64]) -> None:
        super().__init__(pack.tiles, rows)
        self._pack = pack

    @property
    def shape(self) -> tuple[int, ...]:
        """There is none.

        Raises:
            DataError: Always: each image may be of another size.
        """
        raise DataError("images that were cut into tiles have no common size; ask for one at a time")

    def __getitem__(self, index: int | slice | NDArray[np.integer]) -> NDArray[np.uint8]:  # type: ignore[override]
        """One image (H, W, 3) for a number; several (n, H, W, 3) for a slice or numbers if each is a single tile.

        Raises:
            DataError: Several were asked for, and one of them has more tiles.
        """
        rows = self._rows[index]
        if rows.ndim == 0:
            return self._pack.image(int(rows))
        if any(self._pack.count(row) > 1 for row in rows.tolist()):
            side = self._pack.tile_size
            raise DataError(f"images here are larger than a tile of {side} px and differ in size; read them one by one")
        return self._tiles[rows]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images that passed every check, with their pixels."""

    manifest: Manifest
    pack: Pack
    mpp: float | None = None
    """µm per pixel of the images; None: not known."""

    source_splits: bool = True
    """Whether the source came with splits of its own; False: its images were dealt into splits here."""

    near_copies: bool = True
    """Whether near copies were looked for."""

    @property
    def tiles(self) -> NDArray[np.uint8]:
        """Every packed image, a read-only memory map: (M, H, W, 3) uint8; `manifest.rows` says which are whose.

        Where images were cut into tiles, the rows are the first tiles.
        """
        return self.pack.tiles

    @property
    def tile_size(self) -> int | None:
        """Side of the tiles that images were cut into; None: images are whole, and of one size."""
        return self.pack.tile_size

    def images(self, split: str) -> Images:
        """The images of `split`, in the manifest's order, read when they are asked for."""
        rows = self.manifest.rows(split)
        return Images(self.pack.tiles, rows) if self.tile_size is None else CutImages(self.pack, rows)

    def inputs(self, *, context: bool) -> NDArray[np.uint8]:
        """What a model sees: `tiles`, or with `context` each before what lies around it, (M, 2, H, W, 3).

        Raises:
            DataError: Context is wanted, and these images have none.
        """
        if not context:
            return self.tiles
        if self.pack.pairs is None:
            raise DataError(f"these images have no context; {_REMEDY}")
        return self.pack.pairs

    def seen_images(self, split: str, *, context: bool) -> Images:
        """As `images`; with `context` what a model of tiles with their context sees of each, (2, H, W, 3).

        Raises:
            DataError: See `inputs`.
        """
        return Images(self.inputs(context=True), self.manifest.rows(split)) if context else self.images(split)


_REMEDY = (
    "a model of context takes tiles of slides that `sentinode tiles --context` drew (or data.tiles.context=true): "
    "single patches have nothing around them"
)


def load_dataset(config: DataConfig, *, cache: Path, progress: Progress, context: bool = False) -> Dataset:
    """Open, pack, check and split the data set that `config` describes.

    Args:
        config: The recipe's `[data]`.
        cache: Folder that packs are kept in.
        progress: Where to show how far packing is.
        context: Whether the images have to come with what lies around them.

    Raises:
        DataError: The data set is not what it must be; see `sentinode.data.checks`.
        StorageError: The disk is too full to pack it.
    """
    source = open_configured(config, cache, progress)
    if context and (not has_context(source) or config.tile_size is not None):
        raise DataError(f"{source.address} has images without context, and model.context = true; {_REMEDY}")
    rename_all(source.class_names, config.rename)  # a misspelt name is found before minutes of packing
    splits = own_splits(source)
    assign_splits(splits, _chosen(config.split))
    mpp = known_mpp(source, config)  # as is a contradiction
    packed = pack(source, cache, progress, config.tile_size)
    manifest = build_manifest(source, packed, config, near_copies(packed, progress, wanted=config.near_copies))
    return Dataset(manifest, packed, mpp, source_splits=bool(splits), near_copies=config.near_copies)


def known_mpp(source: Source, config: DataConfig) -> float | None:
    """µm per pixel of the images, by the source or by the recipe; None where neither knows.

    Raises:
        DataError: They contradict each other.
    """
    if not isinstance(source, Scaled):
        return config.mpp
    if config.mpp is not None and abs(config.mpp / source.mpp - 1) > 1e-6:
        raise DataError(
            f"data.mpp is {config.mpp:g} and {source.address} has {source.mpp:g} µm/px; set data.mpp={source.mpp:g}, "
            "or draw other tiles"
        )
    return source.mpp


def build_manifest(source: Source, packed: Pack, config: DataConfig, near: pd.DataFrame) -> Manifest:
    """Check every sample of `source` and share them out.

    Args:
        source: Gives ids, labels, groups and its own splits.
        packed: Gives what decoding found, and the pixels.
        config: Gives policies, names and how to split.
        near: Pairs of near copies, from `near_copies`.

    Raises:
        DataError: A check refused the data set.
        LeakError: The same pixels, near copies, or one slide, are on two sides.
    """
    names = rename_all(source.class_names, config.rename)
    sieve = checks.Sieve(join_pack(source, packed, config.rename), list(source.exclusions))
    _assign_splits(sieve, assign_splits(own_splits(source), _chosen(config.split)))
    checks.check_samples(sieve, names, config)
    checks.check_leaks(sieve, config.on_leak, checks.SAME_PIXELS)
    sieve.table["copies"] = copy_sets(sieve.table, near)
    checks.check_leaks(sieve, config.on_leak, checks.NEAR_COPIES)
    checks.check_ids(sieve)
    check_not_empty(sieve, source.address)
    grouping = _cut(sieve, packed, config.split, source.address)
    checks.check_classes(sieve.table, source.address)
    present = tuple(name for name in names if (sieve.table["label"] == name).any())
    positive = _positive(present, source.positive, config)
    return Manifest(
        table=sieve.table[list(COLUMNS)].reset_index(drop=True),
        # One logit stands for the second of two classes, so the positive one comes last.
        class_names=tuple(sorted(present, key=lambda name: name == positive)) if len(present) == 2 else present,
        positive=positive,
        exclusions=tuple(sieve.exclusions),
        grouping=grouping,
    )


def join_pack(source: Source, packed: Pack, rename: dict[str, str]) -> pd.DataFrame:
    """One line for each record of `source`, renamed, beside what decoding found: the columns of the checks' table."""
    table = pd.DataFrame(
        [(one.path, one.label, one.group, one.split, one.centre, one.synthetic) for one in source.records],
        columns=["path", "label", "group", "source_split", "centre", "synthetic"],
        dtype=object,
    )
    table["label"] = table["label"].map(lambda name: rename.get(name, name), na_action="ignore")
    table["cluster"] = pd.Series([None] * len(table), dtype=object)
    return pd.concat([table, packed.index.reset_index(drop=True)], axis=1)


def rename_all(names: Sequence[str], rename: dict[str, str]) -> tuple[str, ...]:
    """The class names after renaming, in the source's order.

    Raises:
        DataError: `rename` names a class that the source does not have.
    """
    # A recipe may rename 0 and 1 for a source of folders and be used with one that has the good names already.
    for old, new in rename.items():
        if old not in names and new not in names:
            found = ", ".join(names)
            raise DataError(f"data.rename has {old!r}, which is not a class of the source; its classes: {found}")
    return tuple(dict.fromkeys(rename.get(name, name) for name in names))


def own_splits(source: Source) -> set[str]:
    """Names of the splits that the source itself has."""
    return {record.split for record in source.records if record.split is not None}


def _chosen(config: SplitConfig) -> dict[str, str]:
    return {split: getattr(config, split) for split in SPLITS}


def _assign_splits(sieve: checks.Sieve, split_of: dict[str, str]) -> None:
    if not split_of:
        sieve.table["split"] = "train"  # the pool that the other splits are cut out of
        return
    sieve.table["split"] = sieve.table["source_split"].map(split_of)
    sieve.drop(sieve.table["split"].isna(), "in a split that is not used", sieve.table["source_split"])


def check_not_empty(sieve: checks.Sieve, address: str) -> None:
    """Refuse a data set of which nothing is left.

    Raises:
        DataError: Nothing is; the message counts why.
    """
    if sieve.table.empty:
        kinds = Counter(exclusion.kind for exclusion in sieve.exclusions)
        counted = ", ".join(f"{kind}: {count:,}" for kind, count in kinds.most_common()) or "it has none"
        example = next((exclusion.detail for exclusion in sieve.exclusions if exclusion.detail), "")
        raise DataError(f"{address} has no image that can be used ({counted}){example and f', such as: {example}'}")


def _cut(sieve: checks.Sieve, packed: Pack, config: SplitConfig, address: str) -> Grouping:
    """Cut the splits that the source lacks out of train; says how."""
    checks.check_groups(sieve.table, "correct the groups or the splits of the source")
    has_splits = bool(sieve.table["source_split"].notna().any())
    present = set(sieve.table["split"]) if has_splits else set()
    shares = shares_to_cut(config.fractions, present)
    pool = sieve.table["split"] == "train"
    if set(shares) == {"train"} or not pool.any():
        return "source"
    checks.check_real(sieve.table[pool], [split for split in shares if split != "train"], address)
    by = _grouping(sieve.table[pool], config, address)
    if by == "group":
        sieve.drop(pool & sieve.table["group"].isna(), "missing group")
    pool = sieve.table["split"] == "train"
    sieve.table.loc[pool, ["split", "cluster"]] = _shared_out(sieve.table[pool], packed, shares, by, config.seed)
    checks.check_groups(sieve.table, "correct the source's splits, and cut with data.split.by = 'group'")
    return by


def _grouping(pool: pd.DataFrame, config: SplitConfig, address: str) -> Grouping:
    known = bool(pool["group"].notna().any())
    if config.by == "auto":
        return "group" if known else "none"
    if config.by == "group" and not known:
        raise DataError(f"data.split.by is 'group', but {address} knows no groups; use 'stain', 'none' or 'auto'")
    return config.by


def _shared_out(
    pool: pd.DataFrame, packed: Pack, shares: dict[str, float], by: Grouping, seed: int
) -> NDArray[np.object_]:
    """Split and cluster of each sample of `pool`: (N, 2). Near copies stay on one side."""
    clusters = np.full(len(pool), None, dtype=object)
    if by == "none":
        sets = pd.Series(tied(None, pool["copies"]), index=pool.index)
        first = pool[~sets.duplicated()]
        side = dict(zip(sets[first.index], cut_by_class(first["label"], shares, seed), strict=True))
        return np.stack([sets.map(side).to_numpy(dtype=object), clusters], axis=1)
    if by == "stain":
        clusters = stain_clusters(packed.tiles, packed.central(pool["row"].to_numpy()), seed)
    groups = pd.Series(clusters, index=pool.index) if by == "stain" else pool["group"]
    together = pd.Series(tied(groups, pool["copies"]), index=pool.index)
    return np.stack([cut_by_group(pool["label"], together, shares, seed), clusters], axis=1)


def _positive(names: tuple[str, ...], known: str | None, config: DataConfig) -> str | None:
    found = ", ".join(names)
    if config.positive and config.positive not in names:
        raise DataError(f"data.positive is {config.positive!r}, which is not a class; the classes: {found}")
    positive = config.positive or config.rename.get(known or "", known) or recognise_positive(names)
    if len(names) == 2 and positive is None:
        raise DataError(f"no class is called tumour or the like ({found}); say which one is meant with data.positive")
    return positive
