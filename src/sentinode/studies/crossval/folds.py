"""Plans of folds: which samples teach and which are scored. Pure; the same seed gives the same plan."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from sentinode.core.errors import DataError, RecipeError
from sentinode.core.messages import plural, plural_of
from sentinode.studies.crossval.crossval_config import CrossvalConfig

Integers = NDArray[np.int64]
Part = tuple[Integers, Integers]
"""Numbers of the samples that teach, and of those that are scored."""

# Dealing groups out is greedy in a random order; with few groups some orders leave a fold without a class.
_ORDERS_TRIED = 100


@dataclass(frozen=True)
class SampleWords:
    """What messages call the samples, and what they can offer."""

    sample: str = "image"
    group: str = "group"
    owner: str = "slide or patient"
    """Of which each should have a name in the column of groups."""
    undealt: str = ", or use crossval.plan = 'leave-one-group-out'"
    """A further remedy where groups can't be dealt out."""
    rare: str = ""
    """A further remedy where a class is rarer than folds."""


@dataclass(frozen=True, eq=False)
class Samples:
    """What a plan needs to know of N samples (images or slides), and what is reported of them."""

    ids: list[str]
    paths: list[str]
    labels: Integers
    """(N,) places in `class_names`."""

    groups: list[str] | None
    """What must not be torn apart: the slide or patient of each, tied together where they hold near copies, or sets of
    near copies alone; None where neither is known."""

    class_names: tuple[str, ...]
    positive: str | None
    words: SampleWords = SampleWords()


@dataclass(frozen=True, eq=False)
class Fold:
    """One outer fold of one repeat."""

    repeat: int
    """From 0."""

    number: int
    """From 0, within the repeat."""

    train: Integers
    """Numbers of the samples that everything is fitted on."""

    test: Integers
    """Numbers of the samples that are scored, once, by what was fitted."""


def plan_folds(samples: Samples, config: CrossvalConfig, seed: int) -> tuple[Fold, ...]:
    """The outer folds, repeat by repeat: in each every sample is tested once, and no group is on two sides.

    Raises:
        RecipeError: More folds than a class has samples (or groups), or a plan that the groups forbid.
        DataError: One group only, or a fold that would lack a class.
    """
    if config.plan == "k-fold":
        return _repeated(samples, config, seed)
    if config.plan == "leave-one-out":
        if samples.groups is not None:
            words = samples.words
            raise RecipeError(
                f"crossval.plan is 'leave-one-out', but the source has {plural_of(words.group)} or near copies, and "
                f"{plural_of(words.sample)} of one {words.group} would be on both sides; use 'leave-one-group-out' or "
                "'k-fold'"
            )
        units = np.arange(len(samples.labels))
    else:
        units = _numbered(_known_groups(samples, "crossval.plan is 'leave-one-group-out'"))
    parts = [(np.flatnonzero(units != unit), np.flatnonzero(units == unit)) for unit in range(int(units.max()) + 1)]
    for train, test in parts:
        _check_taught(samples, train, test)
    return tuple(Fold(0, number, train, test) for number, (train, test) in enumerate(parts))


def plan_words(config: CrossvalConfig, samples: Samples) -> str:
    """How the folds were made, in short."""
    if config.plan != "k-fold":
        return config.plan.replace("-", " ")
    by = "stratified" if samples.groups is None else "stratified, by group"
    return f"{config.folds}-fold, {by}, {config.repeats} repeat{'' if config.repeats == 1 else 's'}"


def inner_parts(samples: Samples, outer: Integers, folds: int, seed: int) -> list[Part]:
    """Inner folds of an outer training part, stratified and grouped as the outer ones.

    Args:
        samples: All samples.
        outer: Those of the outer training part (M,).
        folds: So many, or fewer where a class has fewer samples (or groups) there.
        seed: Of the dealing.

    Returns:
        Parts that number the samples of `outer` from 0 to M − 1.

    Raises:
        DataError: Not even two folds can be made.
    """
    labels = samples.labels[outer]
    groups = None if samples.groups is None else _numbered([samples.groups[place] for place in outer])
    held = _units_of_classes(labels, groups, len(samples.class_names))
    for count in range(min(folds, *held), 1, -1):
        parts = _dealt(labels, groups, count, seed)
        if parts is not None:
            return parts
    unit = samples.words.sample if groups is None else samples.words.group
    few = samples.class_names[int(np.argmin(held))]
    raise DataError(
        f"a training part of {plural(len(outer), samples.words.sample)} has {plural(min(held), unit)} of class {few}: "
        f"nothing can be chosen on inner folds, which need two {plural_of(unit)} of every class; add "
        f"{plural_of(samples.words.sample)} of {few}, or take fewer or larger outer folds"
    )


def _repeated(samples: Samples, config: CrossvalConfig, seed: int) -> tuple[Fold, ...]:
    groups = (
        None
        if samples.groups is None
        else _numbered(_known_groups(samples, f"folds are made by {samples.words.group}"))
    )
    _check_enough(samples, groups, config.folds)
    plan = []
    for repeat, dealt_by in enumerate(np.random.SeedSequence(seed).generate_state(config.repeats)):
        parts = _dealt(samples.labels, groups, config.folds, int(dealt_by))
        if parts is None:
            held = _described(samples, groups)
            raise DataError(
                f"no way was found to give each of {plural(config.folds, 'fold')} every class ({held}): one "
                f"would lack a class; lower crossval.folds{samples.words.undealt}"
            )
        plan += [Fold(repeat, number, train, test) for number, (train, test) in enumerate(parts)]
    return tuple(plan)


def _dealt(labels: Integers, groups: Integers | None, folds: int, seed: int) -> list[Part] | None:
    """Folds that all have every class on both sides; None if none were found."""
    places, wanted = np.arange(len(labels)), np.unique(labels)
    splitter: Any
    for order in np.random.SeedSequence(seed).generate_state(1 if groups is None else _ORDERS_TRIED):
        if groups is None:
            splitter = StratifiedKFold(folds, shuffle=True, random_state=int(order))
        else:
            splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(order))
        with warnings.catch_warnings():
            # It counts samples; that every class is in every fold is what is looked at here.
            warnings.filterwarnings("ignore", message="The least populated class")
            parts = [
                (train.astype(np.int64), test.astype(np.int64))
                for train, test in splitter.split(places, labels, groups)
            ]
        if all(np.array_equal(np.unique(labels[side]), wanted) for part in parts for side in part):
            return parts
    return None


def _known_groups(samples: Samples, why: str) -> list[str]:
    if samples.groups is None:
        raise RecipeError(f"{why}, but the source knows no groups; use 'k-fold' or 'leave-one-out'")
    names = set(samples.groups)
    if len(names) < 2:
        words = samples.words
        raise DataError(
            f"{why}, but all of {plural(len(samples.groups), words.sample)} are of one {words.group} ({names.pop()}); "
            f"give each {words.owner} its own name, or leave the {words.group} column out"
        )
    return samples.groups


def _check_enough(samples: Samples, groups: Integers | None, folds: int) -> None:
    held = _units_of_classes(samples.labels, groups, len(samples.class_names))
    if min(held) >= folds:
        return
    few = samples.class_names[int(np.argmin(held))]
    unit = samples.words.sample if groups is None else samples.words.group
    add = f"add {plural_of(samples.words.sample)} of {few}"
    remedy = f"set crossval.folds = {min(held)} or lower" if min(held) > 1 else add
    raise RecipeError(
        f"class {few} is in {plural(min(held), unit)}, fewer than crossval.folds = {folds}: a fold would have none of "
        f"it ({_described(samples, groups)}); {remedy}{samples.words.rare}"
    )


def _check_taught(samples: Samples, train: Integers, test: Integers) -> None:
    missing = [name for number, name in enumerate(samples.class_names) if not (samples.labels[train] == number).any()]
    if missing:
        more = plural_of(samples.words.sample)
        raise DataError(
            f"all {more} of class {missing[0]} are in one fold ({plural(len(test), samples.words.sample)}, such as "
            f"{samples.ids[test[0]]}): without it nothing is left to learn that class from; add {more} of it from "
            "elsewhere"
        )


def _units_of_classes(labels: Integers, groups: Integers | None, classes: int) -> list[int]:
    """Samples of each class, or groups that have it."""
    units = np.arange(len(labels)) if groups is None else groups
    return [len(np.unique(units[labels == number])) for number in range(classes)]


def _described(samples: Samples, groups: Integers | None) -> str:
    """Class by class: `16 normal, 22 tumour`, or with the groups that hold them."""
    counts = np.bincount(samples.labels, minlength=len(samples.class_names))
    held = _units_of_classes(samples.labels, groups, len(samples.class_names))
    rows = zip(samples.class_names, counts, held, strict=True)
    return ", ".join(
        f"{n} {name}" + ("" if groups is None else f" in {plural(u, samples.words.group)}") for name, n, u in rows
    )


def _numbered(groups: Sequence[str]) -> Integers:
    return np.asarray(np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1], dtype=np.int64)
