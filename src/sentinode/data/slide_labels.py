"""Slides with a label, whose they are, and which play the test: `slide,label[,patient][,split]`, in one place.

Isolated tumour cells are a matter of rule: CAMELYON16 calls such a slide positive, CAMELYON17's pN does not. A table
that has them is read only with the rule named.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sentinode.core.csv_table import CsvTable, Row, read_table
from sentinode.core.errors import DataError, LeakError
from sentinode.core.messages import plural
from sentinode.core.node_classes import SLIDE_CLASSES
from sentinode.data.patient_table import check_letters, read_patients, slide_of
from sentinode.slides.slide_names import SlideNames

Task = Literal["detection", "stage"]
"""`detection`: tumour or none. `stage`: negative, ITC, micro, macro, in this order."""

ItcRule = Literal["positive", "negative", "exclude"]
"""What a slide with isolated tumour cells only counts as in detection."""

SlideSplit = Literal["train", "test"]

CLASSES: dict[Task, tuple[str, ...]] = {"detection": ("normal", "tumour"), "stage": SLIDE_CLASSES}
"""Class names of a task, in rising order."""

_ITC = "itc"
_WORDS = {"0": "normal", "1": "tumour", "normal": "normal", "tumour": "tumour", "tumor": "tumour", "positive": "tumour"}
_WORDS |= {name: name for name in SLIDE_CLASSES}
_SPLITS: dict[str, SlideSplit] = dict.fromkeys(("train", "training", "valid", "validation", ""), "train")
_SPLITS["test"] = "test"


@dataclass(frozen=True)
class SlideLabel:
    """What the table says of one slide."""

    slide: str
    label: str
    """`normal` or `tumour`, or one of negative, itc, micro, macro."""
    patient: str
    """The slide's own name where no patients are known."""
    split: SlideSplit = "train"
    """`train` takes part in cross-validation (training and validation slides); `test` is seen once, at the end."""
    value: str = ""
    """Of the column that figures are to be told apart by."""

    @property
    def tumour(self) -> bool:
        """Whether there is tumour, isolated cells included."""
        return self.label not in ("normal", "negative")


@dataclass(frozen=True)
class SlideLabels:
    """A table of labels."""

    path: Path
    rows: tuple[SlideLabel, ...]
    """One a slide, in the table's order."""
    patients_known: bool
    repeated: tuple[str, ...] = ()
    """Slides that have several lines, which say the same."""
    left_out: tuple[str, ...] = ()
    """Slides that the rule for isolated tumour cells leaves out."""

    def of_task(self, task: Task, itc: ItcRule | None) -> tuple["SlideLabels", dict[str, int]]:
        """The slides that take part in a task, and the class of each: a place in `CLASSES[task]`.

        Raises:
            DataError: Isolated tumour cells are among the labels of a detection, and no rule says what they count as;
                or a stage is asked for and a label says only that there is tumour.
        """
        if task == "stage":
            return self, {row.slide: self._stage(row) for row in self.rows}
        cells = [row.slide for row in self.rows if row.label == _ITC]
        if cells and itc is None:
            raise DataError(
                f"{self.path} has {plural(len(cells), 'slide')} with isolated tumour cells (ITC), such as {cells[0]}; "
                "say what they count as: --itc positive (as CAMELYON16), --itc negative (as pN) or --itc exclude"
            )
        if itc == "exclude":
            kept = tuple(row for row in self.rows if row.label != _ITC)
            return replace(self, rows=kept, left_out=tuple(cells)), {row.slide: int(row.tumour) for row in kept}
        return self, {row.slide: int(row.tumour and (row.label != _ITC or itc == "positive")) for row in self.rows}

    def check_splits(self) -> None:
        """Refuse a patient on both sides.

        Raises:
            LeakError: A patient has slides in train and in test.
        """
        splits: dict[str, SlideSplit] = {}
        for row in self.rows:
            if splits.setdefault(row.patient, row.split) != row.split:
                raise LeakError(
                    f"{self.path}: patient {row.patient} has slides in train and in test, such as {row.slide}; all of "
                    "a patient's slides belong to one split"
                )

    def _stage(self, row: SlideLabel) -> int:
        if row.label == "tumour":
            raise DataError(
                f"{self.path} says of {row.slide} only that it has tumour; the task stage needs one of "
                f"{', '.join(SLIDE_CLASSES)} for each slide, or take --task detection"
            )
        return 0 if row.label == "normal" else SLIDE_CLASSES.index(row.label)


def read_slide_labels(path: Path, slides: SlideNames, by: str | None = None) -> SlideLabels:
    """Read labels of slides: `slide,label[,patient][,split]`, or CAMELYON17's `patient,stage`.

    A label is 0 or 1, normal or tumour, positive or negative, or a class: negative, ITC, micro, macro. A split is
    train, validation (which takes part in cross-validation, too) or test.

    Args:
        path: The table.
        slides: Those that it is about; of others the names stay as they are written, without a suffix.
        by: A further column to read, such as the size of the largest lesion.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It has other columns, a label or split that is none of these, a patient for some slides only, or says
            two things of one slide.
    """
    table = read_table(path)
    labels = _by_slide(table, slides, by) if table.has("slide", "label") else _camelyon17(path, slides, by)
    check_letters([row.patient for row in labels.rows], path)
    return labels


def _by_slide(table: CsvTable, slides: SlideNames, by: str | None) -> SlideLabels:
    needed = ("slide", "label") if by is None else ("slide", "label", by)
    rows = table.rows(needed, ("patient", "split"))
    with_patients = any(row["patient"] for row in rows)
    with_splits = any(row["split"] for row in rows)
    found: dict[str, SlideLabel] = {}
    times: Counter[str] = Counter()
    for row in rows:
        one = _label(row, slide_of(row, slides), by, with_patients, with_splits)
        if found.setdefault(one.slide, one) != one:
            earlier = found[one.slide]
            said, before = _difference(one, earlier)
            raise row.fault(f"it says {said} of {one.slide}, and an earlier line {before}; keep what is right")
        times[one.slide] += 1
    repeated = tuple(name for name, number in times.items() if number > 1)
    return SlideLabels(table.path, tuple(found.values()), with_patients, repeated)


def _label(row: Row, slide: str, by: str | None, with_patients: bool, with_splits: bool) -> SlideLabel:
    # pandas and Excel write whole numbers as 1.0 where a cell of the column was empty.
    label, split = row["label"].casefold().removesuffix(".0"), row["split"].casefold()
    if label not in _WORDS:
        raise row.fault(f"label {row['label']!r}, which is none of {', '.join(_WORDS)}; correct it")
    if split not in _SPLITS or (with_splits and not split):
        raise row.fault(f"split {row['split']!r}, which is none of train, validation, test; correct it")
    # A patient for all or for none: slides of one patient must not come into two folds.
    patient = row.key("patient") if with_patients else slide
    return SlideLabel(slide, _WORDS[label], patient, _SPLITS[split], "" if by is None else row[by])


def _difference(one: SlideLabel, other: SlideLabel) -> tuple[str, str]:
    """What two lines say differently of a slide, the first such thing."""
    pairs = ((getattr(one, name), getattr(other, name)) for name in ("label", "patient", "split", "value"))
    return next((a or "nothing", b or "nothing") for a, b in pairs if a != b)


def _camelyon17(path: Path, slides: SlideNames, by: str | None) -> SlideLabels:
    if by is not None:
        raise DataError(f"{path} has no columns slide and label beside {by!r}; give a table slide,label,{by}")
    known = read_patients(path, slides)
    if not known.classes:
        raise DataError(f"{path} has no label of a slide; give columns slide and label, or CAMELYON17's own table")
    rows = tuple(SlideLabel(name, found, known.of_slide[name]) for name, found in known.classes.items())
    return SlideLabels(path, rows, patients_known=True)
