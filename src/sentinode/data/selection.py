"""Labelled images to measure a model on, that nobody trains on here: one split of a source, or all of it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sentinode.core.errors import DataError
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.data import checks
from sentinode.data.address import open_configured
from sentinode.data.copies import copy_sets, near_copies
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, check_not_empty, join_pack, own_splits, rename_all
from sentinode.data.manifest import COLUMNS, Manifest
from sentinode.data.pack import pack
from sentinode.data.source import Source

WHOLE = "all"
"""The name of the split that is every labelled image of a source."""


def load_selection(
    config: DataConfig,
    split: str,
    class_names: tuple[str, ...],
    positive: str | None,
    *,
    cache: Path,
    progress: Progress,
) -> Dataset:
    """Open, pack and check the images of one of a source's own splits, or all of them, as `test`.

    The checks are `load_dataset`'s, but for those that are about training: nothing is cut, a class may be missing, and
    other splits of the source are not looked at.

    Args:
        config: Where the data is and what is done about samples that are not as they should be.
        split: A split of the source by its own name, or `all`.
        class_names: The classes of the model, in its order; another one in the data is an error.
        positive: The model's positive class.
        cache: Folder that packs are kept in.
        progress: Where to show how far packing is.

    Raises:
        DataError: The source has no such split, or a class that the model does not know.
        StorageError: The disk is too full to pack it.
    """
    source = open_configured(config, cache, progress)
    _check_classes(source, rename_all(source.class_names, config.rename), class_names)
    splits = own_splits(source)
    if split != WHOLE and split not in splits:
        found = ", ".join(sorted(splits)) or "it has none"
        raise DataError(f"{source.address} has no split {split!r} (its splits: {found}); choose one, or --split all")
    packed = pack(source, cache, progress, config.tile_size)
    sieve = checks.Sieve(join_pack(source, packed, config.rename), list(source.exclusions))
    if split != WHOLE:
        sieve.table = sieve.table[sieve.table["source_split"] == split]
        ids = set(sieve.table["id"])
        sieve.exclusions = [exclusion for exclusion in sieve.exclusions if exclusion.id in ids]
    sieve.table = sieve.table.assign(split="test")
    checks.check_samples(sieve, class_names, config)
    checks.check_ids(sieve)
    check_not_empty(sieve, source.address)
    sieve.table["copies"] = copy_sets(sieve.table, near_copies(packed, progress, wanted=config.near_copies))
    table = sieve.table[list(COLUMNS)].reset_index(drop=True)
    manifest = Manifest(table, class_names, positive, tuple(sieve.exclusions), "source")
    return Dataset(manifest, packed, config.mpp, near_copies=config.near_copies)


def load_published(
    source: Source,
    config: DataConfig,
    class_names: tuple[str, ...],
    positive: str | None,
    *,
    cache: Path,
    progress: Progress,
) -> Dataset:
    """Pack every image of `source` as `test`, duplicates too: what a published figure of it was computed on.

    Args:
        source: Images that all have a label.
        config: Says what classes are called.
        class_names: The classes of the model, in its order.
        positive: The model's positive class.
        cache: Folder that packs are kept in.
        progress: Where to show how far packing is.

    Raises:
        DataError: An image has no label, or one that the model does not know, or can't be read, or sizes differ: the
            figure would be of other images than the published one.
    """
    packed = pack(source, cache, progress)
    sieve = checks.Sieve(join_pack(source, packed, config.rename))
    sieve.table = sieve.table.assign(split="test", copies=None)
    _check_classes(source, sieve.table["label"].dropna().unique().tolist(), class_names)
    missing = int(sieve.table["label"].isna().sum())
    if missing:
        raise DataError(f"{source.address}: {plural(missing, 'image')} without a label; get the data set again")
    checks.check_readable(sieve, "error")
    checks.check_sizes(sieve, "error")
    checks.check_ids(sieve)
    table = sieve.table[list(COLUMNS)].reset_index(drop=True)
    return Dataset(Manifest(table, class_names, positive, (), "source"), packed, config.mpp)


def _check_classes(source: Source, names: Sequence[str], class_names: tuple[str, ...]) -> None:
    strange = [name for name in names if name not in class_names]
    if strange:
        known = ", ".join(class_names)
        raise DataError(
            f"{source.address} has class {strange[0]!r}, which the model does not know ({known}); "
            f'name it as the model does: --set \'data.rename={{ "{strange[0]}" = "{class_names[0]}" }}\''
        )


def without(data: Dataset, seen: set[str], kind: str) -> Dataset:
    """`data` less the images whose pixels are in `seen` (hashes), counted as `kind`."""
    sieve = checks.Sieve(data.manifest.table, list(data.manifest.exclusions))
    sieve.drop(sieve.table["pixels"].isin(seen), kind)
    manifest = replace(data.manifest, table=sieve.table.reset_index(drop=True), exclusions=tuple(sieve.exclusions))
    return replace(data, manifest=manifest)
