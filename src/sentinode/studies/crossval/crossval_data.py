"""Which images of a source take part in a cross-validation, and as what."""

from dataclasses import replace

import numpy as np

from sentinode.core.errors import DataError
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.copies import tied
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.data.manifest import Grouping
from sentinode.metrics.decisions.thresholds import choose_threshold
from sentinode.studies.crossval.crossval_config import CrossvalConfig
from sentinode.studies.crossval.folds import Fold, Samples


def uncut(config: DataConfig) -> DataConfig:
    """The same data without cutting validation and test out of it: folds do that here."""
    return config.model_copy(update={"split": config.split.model_copy(update={"fractions": (1.0, 0.0, 0.0)})})


def load_images(config: DataConfig, crossval: CrossvalConfig, *, settings: Settings, progress: Progress) -> Dataset:
    """The images that take part, all of them as `train`; those of other splits are left out.

    Images with the same pixels are one image: the data room drops repetitions within a split and refuses them across
    splits, so that no image can be in two folds. Near copies are tied together by `samples_of`.

    Raises:
        DataError: The data is not what it must be, none takes part, or some have a group and some have none.
    """
    data = load_dataset(uncut(config), cache=settings.cache, progress=progress)
    table = data.manifest.table
    taking_part = table[table["split"].isin(crossval.roles)]
    if taking_part.empty:
        held = ", ".join(sorted(set(table["split"])))
        raise DataError(f"no image plays {' or '.join(crossval.roles)}, only {held}; set crossval.roles")
    known = taking_part["group"].notna()
    if known.any() and not known.all():
        raise DataError(
            f"no group is known of {(~known).sum()} of {plural(len(known), 'image')}, such as "
            f"{taking_part['id'][~known].iloc[0]}: they "
            "can't be kept from the other side of a fold; name the slide or patient of each, or of none"
        )
    grouping: Grouping = "group" if known.all() else "none"
    table = taking_part.assign(split="train").reset_index(drop=True)
    return replace(data, manifest=replace(data.manifest, table=table, grouping=grouping))


def samples_of(data: Dataset) -> Samples:
    """What plans and reports need to know of the images that take part, in the manifest's order."""
    manifest = data.manifest
    groups, copies = manifest.groups("train"), manifest.table["copies"]
    if copies.notna().any():
        groups = tied(None if groups is None else manifest.table["group"], copies).tolist()
    return Samples(
        ids=manifest.ids("train"),
        paths=manifest.paths("train"),
        labels=manifest.labels("train"),
        groups=groups,
        class_names=manifest.class_names,
        positive=manifest.positive if len(manifest.class_names) == 2 else None,
    )


def copies_words(data: Dataset) -> list[str]:
    """What near copies among the images mean for the figures, as sentences; none without any."""
    table = data.manifest.table
    number = int(table["copies"].notna().sum())
    if not number:
        return []
    words = (
        f"Of {plural(len(table), 'image')} {number:,} have near copies (recompressed, turned, mirrored, "
        "shifted) among the others: the copies of an image are kept in one fold and count as one group."
    )
    if table["group"].isna().all():
        words += (
            " No slide or patient is known beyond that, so images of one may be in different folds, and the figures "
            "are then too good for new ones."
        )
    return [words]


def check_rule(samples: Samples, folds: tuple[Fold, ...], rule: str) -> None:
    """Try the threshold's rule on the training part with the fewest images of a class, as if every image were told
    right: what can't be met there is found now, and not after minutes.

    Raises:
        EvaluationError: It can't be met.
    """
    if samples.positive is None:
        return
    truths = samples.labels == samples.class_names.index(samples.positive)
    smallest = min(folds, key=lambda fold: min(truths[fold.train].sum(), (~truths[fold.train]).sum()))
    scores = np.where(truths[smallest.train], 0.9, 0.1)
    choose_threshold(truths[smallest.train], scores, rule, split="the training part of a fold's")
