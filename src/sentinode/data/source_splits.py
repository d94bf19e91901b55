"""Train, validation, test: which of them each of a source's own splits becomes."""

from collections.abc import Collection, Mapping

from sentinode.core.errors import DataError

SPLITS = ("train", "validation", "test")
"""What a split is for. A source may call its own splits otherwise."""

_USUAL_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def split_of_name(name: str) -> str | None:
    """The split that is meant by this name in a source, or None; case does not matter."""
    return _USUAL_NAMES.get(name.casefold())


def assign_splits(names: Collection[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Say which split each of a source's own splits becomes.

    Args:
        names: The source's splits; none when it has none.
        chosen: Split → the name of the source's split that becomes it; an empty string: recognised by its name.

    Returns:
        Name of the source's split → split. One that is not used is not in it.

    Raises:
        DataError: A chosen split is not there or is chosen twice, two splits are named for one split, or no name says
            anything.
    """
    split_of: dict[str, str] = {}
    for split, name in chosen.items():
        if not name:
            continue
        if name not in names:
            found = ", ".join(sorted(names)) or "none"
            raise DataError(f"data.split.{split} is {name!r}, which the source does not have; its splits: {found}")
        if name in split_of:
            raise DataError(f"data.split: {name!r} can't play both {split_of[name]} and {split}; choose one")
        split_of[name] = split
    for name in sorted(names):
        usual = split_of_name(name)
        if usual is None or name in split_of or chosen.get(usual):
            continue
        if usual in split_of.values():
            other = next(other for other, split in split_of.items() if split == usual)
            raise DataError(f"both {other!r} and {name!r} may play {usual}; say which one with data.split.{usual}")
        split_of[name] = usual
    if names and not split_of:
        found = ", ".join(sorted(names))
        raise DataError(f"none of the source's splits ({found}) is called train, validation or test; set data.split")
    return split_of


def shares_to_cut(fractions: tuple[float, float, float], present: set[str]) -> dict[str, float]:
    """Shares of the train pool that go to each split, summing to 1: only splits that the source lacks are cut out.

    Args:
        fractions: Shares of train, validation and test in the whole.
        present: Splits that the source has already; train is always among the result.
    """
    wanted = {
        split: fraction
        for split, fraction in zip(SPLITS, fractions, strict=True)
        if split == "train" or (split not in present and fraction > 0)
    }
    total = sum(wanted.values())
    if total == 0:
        return {"train": 1.0}
    return {split: fraction / total for split, fraction in wanted.items() if fraction > 0}
