"""Train, validation, test: which of a source's own splits plays which role."""

from collections.abc import Collection, Mapping

from sentinode.core.errors import DataError

ROLES = ("train", "validation", "test")
"""What a split is for. A source may call its own splits otherwise."""

_USUAL_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def role_of_name(split: str) -> str | None:
    """The role that a split of this name usually plays, or None; case does not matter."""
    return _USUAL_NAMES.get(split.casefold())


def assign_roles(splits: Collection[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Say which role each of a source's splits plays.

    Args:
        splits: The source's splits; none when it has none.
        chosen: Role → the split that plays it; an empty string: recognised by its name.

    Returns:
        Split → role. A split that plays none is not in it.

    Raises:
        DataError: A chosen split is not there or plays two roles, two splits are named for one role, or no name says
            anything.
    """
    roles: dict[str, str] = {}
    for role, split in chosen.items():
        if not split:
            continue
        if split not in splits:
            found = ", ".join(sorted(splits)) or "none"
            raise DataError(f"data.split.{role} is {split!r}, which the source does not have; its splits: {found}")
        if split in roles:
            raise DataError(f"data.split: {split!r} can't play both {roles[split]} and {role}; choose one")
        roles[split] = role
    for split in sorted(splits):
        usual = role_of_name(split)
        if usual is None or split in roles or chosen.get(usual):
            continue
        if usual in roles.values():
            other = next(name for name, role in roles.items() if role == usual)
            raise DataError(f"both {other!r} and {split!r} may play {usual}; say which one with data.split.{usual}")
        roles[split] = usual
    if splits and not roles:
        found = ", ".join(sorted(splits))
        raise DataError(f"none of the source's splits ({found}) is called train, validation or test; set data.split")
    return roles


def shares_to_cut(fractions: tuple[float, float, float], played: set[str]) -> dict[str, float]:
    """Shares of the train pool that go to each role, summing to 1: only roles that no source split plays are cut out.

    Args:
        fractions: Shares of train, validation and test in the whole.
        played: Roles that a split of the source plays already; train is always among the result.
    """
    wanted = {
        role: fraction
        for role, fraction in zip(ROLES, fractions, strict=True)
        if role == "train" or (role not in played and fraction > 0)
    }
    total = sum(wanted.values())
    if total == 0:
        return {"train": 1.0}
    return {role: fraction / total for role, fraction in wanted.items() if fraction > 0}
