"""Which images a bundle is measured on, and how they were chosen: a report's first line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sentinode.core.errors import DataError, LeakError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.address import open_configured, open_source
from sentinode.data.data_config import DataConfig, Policy, SplitConfig
from sentinode.data.dataset import Dataset, load_dataset, own_splits
from sentinode.data.selection import WHOLE, load_selection, without
from sentinode.data.source_splits import SPLITS, split_of_name
from sentinode.models.bundle import Bundle
from sentinode.models.pretrained_bundle import PretrainedBundle
from sentinode.studies.bundle_recipe import recipe_of
from sentinode.studies.seen_images import LEARNED, SET, seen_images
from sentinode.training.recipe import load_data_config

_AS_TRAINED = "as the bundle's recipe shares out the data that it was trained on"


@dataclass(frozen=True)
class MeasuredSplit:
    """Images to measure a bundle on."""

    data: Dataset
    """Holds them, and perhaps more."""

    split: str
    """The split in `data` that they are."""

    name: str
    """What a report calls them."""

    how: str
    """How they were chosen, in words."""

    sha256: str = ""
    """Of them and of those that were left out because the bundle knows them (`Manifest.hash_of`): the same whichever
    bundle is measured."""

    own: bool = True
    """Whether they are of the data that the bundle was trained on, so that what its card says of that data holds."""

    known: str = ""
    """What the bundle has done with them, which are measured all the same: `LEARNED`, `SET` or nothing."""


def load_split(
    bundle: Bundle, address: str, split: str, overrides: Sequence[str], settings: Settings, progress: Progress
) -> MeasuredSplit:
    """The images to measure `bundle` on.

    Of the data that it was trained on, `train`, `validation` and `test` are those of its recipe, unless the data itself
    has a split of that name. Of any other data they are the data's own: a recipe has no say in what is test there.

    Args:
        bundle: The bundle; its recipe says what classes are called, and what is done about faults of the data.
        address: The data's.
        split: `train`, `validation`, `test`, a split of the source by its own name, or `all`.
        overrides: `data.key=value`, over what the bundle's recipe says.
        settings: The machine's.
        progress: Where to show how far it is.

    Raises:
        DataError: The data has other classes, or not that split.
        LeakError: The bundle knows images of a split that it is to be tested on.
    """
    config, by_hand = load_data_config(address, overrides, recipe_of(bundle).data), load_data_config(address, overrides)
    source = open_configured(config, settings.cache, progress)
    if split in SPLITS and not _displaced(own_splits(source), split, config.split, by_hand.split):
        data = _as_trained(bundle, config, settings, progress)
        if data is not None:
            return _of_own_data(bundle, data, config, split)
    # A class that the data lacks needs no other name; one that the user renames must be there.
    known = {old: new for old, new in config.rename.items() if old in source.class_names or old in by_hand.rename}
    config = config.model_copy(update={"rename": known})
    chosen, how = _chosen(own_splits(source), address, split, by_hand.split)
    classes = bundle.info.classes
    data = load_selection(config, chosen, classes.names, classes.positive, cache=settings.cache, progress=progress)
    sha256 = data.manifest.hash_of("test")
    data = unseen(bundle, data, "test", on_leak=config.on_leak)
    part = split if split in SPLITS else "test"  # whoever asks for validation looks for it under that name
    data = replace(data, manifest=replace(data.manifest, table=data.manifest.table.assign(split=part)))
    return MeasuredSplit(data, part, chosen, how, sha256, own=False)


def _displaced(names: set[str], split: str, config: SplitConfig, by_hand: SplitConfig) -> bool:
    """Whether the bundle's recipe calls something else `split` than the data itself does.

    It was then developed on a part of this data, and what the data calls test was kept from it.
    """
    named = getattr(config, split)
    usual = {name for name in names if split_of_name(name) == split}
    return bool(named and not getattr(by_hand, split) and usual and named not in usual)


def _as_trained(bundle: Bundle, config: DataConfig, settings: Settings, progress: Progress) -> Dataset | None:
    """The data as the bundle's recipe shares it out; None unless it is the data that the bundle was trained on."""
    try:
        data = load_dataset(config, cache=settings.cache, progress=progress)
    except DataError:
        return None  # no fault yet: the recipe's splits need not be there, and other splits need not be sound
    return data if data.manifest.hash == bundle.info.provenance.data_sha256 else None


def _of_own_data(bundle: Bundle, data: Dataset, config: DataConfig, split: str) -> MeasuredSplit:
    data.manifest.require(split)
    named = getattr(config.split, split)
    sha256 = data.manifest.hash_of(split)
    how = _AS_TRAINED + (f", where it is called {named}" if named not in ("", split) else "")
    if split != "test":
        table = data.manifest.table
        known = seen_images(bundle, data, table[table["split"] == split])
        learned = len(known.learned) or (split == "train" and not len(known))  # the latter: no hashes were recorded
        return MeasuredSplit(data, split, split, how, sha256, known=LEARNED if learned else SET)
    return MeasuredSplit(unseen(bundle, data, split, on_leak=config.on_leak), split, split, how, sha256)


def _chosen(names: set[str], address: str, split: str, by_hand: SplitConfig) -> tuple[str, str]:
    """The source's own name of the split that is meant, and how it was found."""
    if split == WHOLE:
        return WHOLE, "every labelled image"
    if split not in SPLITS:
        return split, "named by --split"
    if named := getattr(by_hand, split):
        return named, f"named by data.split.{split}"
    found = ", ".join(sorted(names))
    usual = sorted(name for name in names if split_of_name(name) == split)
    if len(usual) == 1:
        return usual[0], "the data's own"
    if usual:
        raise DataError(f"{address}: both {usual[0]!r} and {usual[1]!r} may be {split}; say which with --split NAME")
    if names:
        raise DataError(f"{address} has the splits {found}, and none is called {split}; choose one with --split NAME")
    raise DataError(
        f"{address} has no splits of its own and is not the data that the model was trained on, so nothing says which "
        f"images are {split}; measure on all of them with --split {WHOLE}"
    )


def data_of(bundle: Bundle, address: str) -> DataConfig:
    """What a bundle's recipe says of data, to share out the data at `address`.

    Where this data has a split that is called test, without the names that the recipe's own data gave to its splits.
    """
    base = recipe_of(bundle).data
    names = own_splits(open_source(address)) if not address.startswith("slides:") else set()
    if not any(split_of_name(name) == "test" for name in names):
        return base
    unnamed = base.split.model_copy(update=dict.fromkeys(SPLITS, ""))
    return base.model_copy(update={"split": unnamed})


def unseen(bundle: Bundle | PretrainedBundle, data: Dataset, split: str, *, on_leak: Policy) -> Dataset:
    """`data` without images that the bundle has learned from or set its threshold on, or near copies of such.

    Raises:
        LeakError: There are some, and `on_leak` is "error"; or there is nothing else.
    """
    table = data.manifest.table
    known = seen_images(bundle, data, table[table["split"] == split])
    if not len(known):
        return data
    if len(known) == known.total:
        raise LeakError(
            f"{bundle.name} has {known}, so nothing is left to measure it on; give data that it was not trained on, or "
            "another --split"
        )
    if on_leak == "error":
        raise LeakError(
            f"{bundle.name} has {known}: figures on them would flatter it; leave them out with --set data.on_leak=drop"
        )
    for did, rows in ((LEARNED, known.learned), (SET, known.set_on)):
        if len(rows):
            data = without(data, set(rows["pixels"]), f"leak: the model has {did} it")
    return data
