"""What a sample must pass to be used. A check refuses the data set, or leaves samples out and says so: never silent."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from sentinode.core.errors import DataError, ImageError, LeakError
from sentinode.core.messages import agree, plural, some
from sentinode.data.data_config import DataConfig, Policy
from sentinode.data.source import Exclusion

_SHOWN = 3
_LEAK_REMEDY = "remove them, or set data.on_leak = 'drop' to take them out of the training side"
_RANK = {"train": 0, "validation": 1, "test": 2}  # a leaked image stays on the side of the highest rank


@dataclass(frozen=True)
class Likeness:
    """How images of two splits can be one image, and the words for it."""

    column: str
    """Of the table: images with the same value are alike."""
    sign: str
    name: str
    to: str
    """Before the id of the image that another is like."""
    plural: str


SAME_PIXELS = Likeness("pixels", "=", "same pixels", "same as", "the same pixels")
NEAR_COPIES = Likeness(
    "copies", "~", "near copy", "near copy of", "near copies (recompressed, turned, mirrored, shifted)"
)


@dataclass
class Sieve:
    """The samples that passed so far, and those that did not."""

    table: pd.DataFrame
    """Columns as in `sentinode.data.manifest.COLUMNS`, with `status`, `detail`, `height` and `width` of the pack."""

    exclusions: list[Exclusion] = field(default_factory=list)
    """What was left out so far."""

    def drop(self, left_out: "pd.Series[bool]", kind: str, detail: "pd.Series[str] | str" = "") -> None:
        """Leave out the samples where `left_out`, counted as `kind`."""
        ids = self.table.loc[left_out, "id"]
        details = [detail] * len(ids) if isinstance(detail, str) else detail.loc[ids.index].tolist()
        self.exclusions += [Exclusion(kind, name, text) for name, text in zip(ids, details, strict=True)]
        self.table = self.table[~left_out]


def check_samples(sieve: Sieve, class_names: tuple[str, ...], config: DataConfig) -> None:
    """Every check of the samples themselves, whatever they are used for, in the order in which they build on another.

    Raises:
        DataError: A policy of `config` refuses what was found.
    """
    check_labels(sieve, class_names)
    check_readable(sieve, config.on_unreadable)
    check_sizes(sieve, config.on_size, config.tile_size)
    check_conflicts(sieve, config.on_conflict)
    check_duplicates(sieve)


def check_labels(sieve: Sieve, class_names: tuple[str, ...]) -> None:
    """Leave out samples without a label, or with one that is not a class of the source."""
    sieve.drop(sieve.table["label"].isna(), "missing label")
    sieve.drop(~sieve.table["label"].isin(class_names), "unknown label", sieve.table["label"])


def check_readable(sieve: Sieve, policy: Policy) -> None:
    """Refuse, or leave out, images that are not there or can't be decoded.

    Raises:
        ImageError: There are some, and `policy` is "error".
    """
    bad = sieve.table["status"].isin(("missing", "unreadable"))
    if bad.any() and policy == "error":
        details = some(sieve.table.loc[bad, "detail"].tolist(), _SHOWN)
        raise ImageError(
            f"{plural(bad.sum(), 'image')} can't be used: {details}; mend them or set data.on_unreadable = 'drop'"
        )
    for status in ("missing", "unreadable"):
        sieve.drop(sieve.table["status"] == status, f"{status} image", sieve.table["detail"])


def check_sizes(sieve: Sieve, policy: Policy, tile_size: int | None = None) -> None:
    """Refuse images of differing sizes, or leave out those that have not the most common one.

    Of images that are cut into tiles of `tile_size`: those that are smaller than a tile.

    Raises:
        DataError: There are some, and `policy` is "error".
    """
    differs = sieve.table["status"] == "size"
    sizes = sieve.table["width"].astype(str) + "×" + sieve.table["height"].astype(str)
    if differs.any() and policy == "error":
        counts = ", ".join(f"{size} px: {count:,}" for size, count in sizes.value_counts().items())
        example = sieve.table.loc[differs, "id"].iloc[0]
        if tile_size is not None:
            raise DataError(
                f"{agree(int(differs.sum()), 'image is', 'images are')} smaller than tiles of {tile_size} "
                f"px (such as {example}, "
                f"{sizes[differs].iloc[0]} px); choose a smaller data.tile_size, or set data.on_size = 'drop' to leave "
                "them out"
            )
        raise DataError(
            f"images differ in size ({counts}; such as {example}); bring them to one size, or set "
            "data.on_size = 'drop' to keep the most common one, or data.tile_size to cut larger ones into tiles"
        )
    sieve.drop(differs, "differing size" if tile_size is None else "smaller than a tile", sizes + " px")


def check_conflicts(sieve: Sieve, policy: Policy) -> None:
    """Refuse the same pixels under two labels, or leave all such images out: nobody knows which label is right.

    Raises:
        DataError: There are some, and `policy` is "error".
    """
    conflicting = sieve.table.groupby("pixels")["label"].transform("nunique") > 1
    if conflicting.any() and policy == "error":
        table = sieve.table[conflicting].sort_values("pixels", kind="stable")
        same = table[table["pixels"] == table["pixels"].iloc[0]].drop_duplicates("label")
        shown = " and ".join(f"{name} ({label})" for name, label in zip(same["id"], same["label"], strict=True))
        raise DataError(
            f"{agree(int(conflicting.sum()), 'image has', 'images have')} the same pixels but another "
            f"label: {shown}, …; correct the labels, or "
            "set data.on_conflict = 'drop' to leave them out"
        )
    sieve.drop(conflicting, "same pixels, two labels", sieve.table["label"])


def check_duplicates(sieve: Sieve) -> None:
    """Keep the first of images with the same pixels in one split."""
    first = sieve.table.groupby(["split", "pixels"])["id"].transform("first")
    repeated = sieve.table.duplicated(["split", "pixels"])
    sieve.drop(repeated & (sieve.table["id"] == first), "id twice")
    sieve.drop(repeated.loc[sieve.table.index], "same pixels twice in a split", "same as " + first)


def check_leaks(sieve: Sieve, policy: Policy, likeness: Likeness) -> None:
    """Refuse like images in two splits, or take them out of the training side (train before validation).

    Raises:
        LeakError: There are some, and `policy` is "error".
    """
    leaks, partner = _in_two_splits(sieve.table, sieve.table[likeness.column])
    if not leaks.any():
        return
    if policy == "error":
        pairs = some((sieve.table["id"] + f" {likeness.sign} " + partner)[leaks].tolist(), _SHOWN)
        found = plural(int(leaks.sum()), "image")
        raise LeakError(f"{likeness.plural} in two splits, {found}: {pairs}; {_LEAK_REMEDY}")
    sieve.drop(leaks, f"leak: {likeness.name} in another split", f"{likeness.to} " + partner)


def _in_two_splits(table: pd.DataFrame, sets: "pd.Series[str]") -> tuple["pd.Series[bool]", "pd.Series[str]"]:
    """Which images have another of their set on a side of higher rank, and that one's id."""
    rank = table["split"].map(_RANK)
    kept_on = rank.groupby(sets).transform("max")
    kept = table.assign(set=sets)[(rank == kept_on) & sets.notna()].drop_duplicates("set").set_index("set")["id"]
    return rank < kept_on, sets.map(kept).astype(object).where(sets.notna(), "")


def check_ids(sieve: Sieve) -> None:
    """Refuse an id that two different images have.

    Raises:
        DataError: There is one.
    """
    repeated = sieve.table.loc[sieve.table["id"].duplicated(), "id"]
    if len(repeated):
        raise DataError(
            f"{agree(len(repeated), 'id is', 'ids are')} given to two different images: "
            f"{some(repeated.tolist(), _SHOWN)}; make them unique"
        )


def check_groups(table: pd.DataFrame, remedy: str) -> None:
    """Refuse a split that puts one slide or patient on two sides.

    Raises:
        LeakError: One is.
    """
    sides = table.dropna(subset=["group"]).drop_duplicates(["group", "split"]).groupby("group")["split"].agg(sorted)
    torn = sides[sides.map(len) > 1]
    if len(torn):
        shown = some([f"{group} (in {' and '.join(splits)})" for group, splits in torn.items()], _SHOWN)
        raise LeakError(f"{agree(len(torn), 'group is', 'groups are')} on two sides of the split: {shown}; {remedy}")


def check_classes(table: pd.DataFrame, source: str) -> None:
    """Refuse a data set without two classes, or with a class to test or validate on that train does not have.

    Raises:
        DataError: It is so.
    """
    found = sorted(table["label"].unique())
    if len(found) < 2:
        raise DataError(f"{source} has one class only ({found[0]}); a classifier needs at least two")
    of_split = table.groupby("split")["label"].unique()
    for split in ("validation", "test"):
        unknown = sorted(set(of_split.get(split, ())) - set(of_split["train"])) if "train" in of_split else []
        if unknown:
            raise DataError(
                f"{source}: {', '.join(unknown)} is a class in {split} but not in train, where the classes are "
                f"{', '.join(sorted(of_split['train']))}; rename it (data.rename) or add it to train"
            )


def check_real(pool: pd.DataFrame, wanted: Sequence[str], address: str) -> None:
    """Refuse to cut validation or test out of what a generator drew: figures would be of drawn patches.

    Raises:
        DataError: `pool` holds synthetic patches.
    """
    if n := int(pool["synthetic"].sum()):
        raise DataError(
            f"{address} has {plural(n, 'synthetic patch')} in train and no {' and no '.join(wanted)} "
            "split; cut out of train, it would hold drawn patches, and figures would be worth nothing. Train on a "
            "table in which real patches have these splits, such as with_real.csv of `sentinode synthesise --samples`"
        )
