"""Slides that have features and a label: which take part, as what, and what was left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError, DataNotFoundError, LeakError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import agree, plural, some
from sentinode.data.slide_labels import CLASSES, SlideLabel, SlideLabels, read_slide_labels
from sentinode.models.mil.bag import Bag, joint_space
from sentinode.models.mil.bag_file import BAG_SUFFIX, checked_sha256, read_bag
from sentinode.slides.slide_names import SlideNames
from sentinode.studies.mil.mil_recipe import LabelsConfig

_TUMOUR_NAMES = frozenset({"tumour", "tumor", "metastasis", "positive", "1"})


@dataclass(frozen=True, eq=False)
class MilSlide:
    """One slide that takes part."""

    bag: Bag
    path: Path
    """Of the bag's file."""
    sha256: str
    """Of the bag's arrays."""
    row: SlideLabel
    label: int
    """Place in the task's classes."""

    @property
    def name(self) -> str:
        """The slide's name."""
        return self.row.slide


@dataclass(frozen=True, eq=False)
class MilSlides:
    """All slides that take part."""

    train: tuple[MilSlide, ...]
    """Those that are cross-validated."""
    test: tuple[MilSlide, ...]
    """Those that are seen once, after the choice; there may be none."""
    class_names: tuple[str, ...]
    patients_known: bool
    encoder: str
    """What made the features, for people."""
    notes: tuple[str, ...]
    """What was left out, and why, in sentences."""
    sha256: str
    """Over the slides' names, labels, patients, splits and features."""

    @property
    def score_column(self) -> int | None:
        """Which of the tiles' scores is that of tumour; None where the features carry none."""
        names = self.train[0].bag.facts.score_names
        return next((place for place, name in enumerate(names) if name.casefold() in _TUMOUR_NAMES), None)


def labels_of(slides: Sequence[MilSlide]) -> NDArray[np.int64]:
    """(n,) classes."""
    return np.array([slide.label for slide in slides], dtype=np.int64)


def patients_of(slides: Sequence[MilSlide]) -> list[str]:
    """(n,) whose the slides are."""
    return [slide.row.patient for slide in slides]


def load_slides(features: Path, labels: Path, config: LabelsConfig) -> MilSlides:
    """Join a folder of bags and a table of labels.

    Raises:
        DataNotFoundError: There is no such folder or table, or no bag in it.
        DataError: A bag is damaged (all of it is read, once, here), the features are of several kinds, the table can't
            be used, isolated tumour cells have no rule, or one slide lies under two names with two labels.
        LeakError: A patient, or a slide under two names, is in train and in test.
    """
    paths = _bags_in(features)
    names = SlideNames(path.name for path in paths)
    table = read_slide_labels(labels, names, config.by)
    table.check_splits()
    table, classes = table.of_task(config.task, config.itc)
    found = {path.stem: path for path in paths}
    joined = [
        _slide(found[row.slide], row, classes[row.slide], config.encoder) for row in table.rows if row.slide in found
    ]
    if not joined:
        raise DataError(f"no slide of {labels} has features in {features}; are the slides' names the same?")
    space = joint_space([slide.bag for slide in joined])
    kept, copies = _without_copies(joined)
    train, test = (tuple(slide for slide in kept if slide.row.split == split) for split in ("train", "test"))
    if not train:
        raise DataError(f"all slides of {labels} that have features are of the split test; nothing is left to learn")
    notes = (*_notes(table, found, [slide.name for slide in joined]), *copies)
    return MilSlides(train, test, CLASSES[config.task], table.patients_known, space.name, notes, _sha256(kept))


def _slide(path: Path, row: SlideLabel, label: int, encoder: str) -> MilSlide:
    # Before the hash, so that a file that changes after it is noticed when its features are read.
    bag = read_bag(path, encoder=encoder)
    return MilSlide(bag, path, checked_sha256(path, encoder=encoder), row, label)


def _bags_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataNotFoundError(f"{folder} is not a folder of features; check the path")
    found = sorted(path for path in folder.iterdir() if path.suffix == BAG_SUFFIX and not path.name.startswith("."))
    if not found:
        raise DataNotFoundError(f"{folder} holds no features (NAME{BAG_SUFFIX}); make some from slides with --slides")
    return found


def _notes(table: SlideLabels, bags: Iterable[str], joined: Sequence[str]) -> list[str]:
    without = [row.slide for row in table.rows if row.slide not in set(joined)]
    unlabelled = sorted(set(bags) - {row.slide for row in table.rows} - set(table.left_out))
    told = (
        (without, "slide has a label and no features", "slides have a label and no features"),
        (unlabelled, "slide has features and no label", "slides have features and no label"),
        (table.left_out, "slide has isolated tumour cells only", "slides have isolated tumour cells only"),
    )
    notes = [f"Left out: {agree(len(names), one, more)}: {some(names)}." for names, one, more in told if names]
    if table.repeated:
        notes.append(f"Listed several times in the table, and taken once: {some(table.repeated)}.")
    return notes


def _without_copies(slides: Sequence[MilSlide]) -> tuple[list[MilSlide], list[str]]:
    """The slides without those that are others again under another name, and a sentence on each that is left out."""
    first: dict[str, MilSlide] = {}
    notes = []
    for slide in slides:
        other = first.setdefault(slide.sha256, slide)
        if other is slide:
            continue
        if other.row.split != slide.row.split:
            raise LeakError(
                f"slides {other.name} (in {other.row.split}) and {slide.name} (in {slide.row.split}) have the same "
                "features: a slide belongs to one split; remove one of them from the table"
            )
        if other.label != slide.label:
            raise DataError(
                f"slides {other.name} ({other.row.label}) and {slide.name} ({slide.row.label}) have the same features "
                "and other labels; correct the table"
            )
        notes.append(f"Left out: {slide.name}, which has the features of {other.name}.")
    return list(first.values()), notes


def _sha256(slides: Sequence[MilSlide]) -> str:
    return sha256_of_json([[s.name, s.label, s.row.patient, s.row.split, s.row.value, s.sha256] for s in slides])


def counts_of(slides: Sequence[MilSlide], class_names: Sequence[str]) -> Mapping[str, int]:
    """Class name → slides."""
    counts = np.bincount(labels_of(slides), minlength=len(class_names)).tolist()
    return dict(zip(class_names, counts, strict=True))


def described(slides: MilSlides) -> str:
    """How many slides of which class: `160 slides (80 normal, 80 tumour)`."""
    counts = counts_of(slides.train, slides.class_names).items()
    return f"{plural(len(slides.train), 'slide')} ({', '.join(f'{number} {name}' for name, number in counts)})"
