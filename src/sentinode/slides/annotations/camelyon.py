"""What is known to be wrong with slides of CAMELYON16, by the organisers' own notes and errata."""

import re
from dataclasses import dataclass

_TRAPS = {
    "test_049": "Test_049 duplicates another slide of the test set: leave it out of every statistic",
    "test_114": "Test_114 is not fully annotated: leave it out of FROC",
    "normal_086": "Normal_086 was mislabelled and has tumour: don't train on it as a normal slide",
}

# Slides to learn from of which the data set's notes say that not all of their tumour is drawn. The numbers were written
# down from memory of those notes; literature has as many, 20 partly annotated slides. One too many costs some normal
# tiles, one too few gives tumour the label normal.
_PARTLY = (10, 15, 18, 20, 25, 29, 33, 34, 44, 46, 51, 54, 55, 56, 67, 79, 85, 92, 95, 110)
_PARTLY_ANNOTATED = frozenset({"test_114", *(f"tumor_{number:03d}" for number in _PARTLY)})
_DUPLICATES = frozenset({"test_049"})
_WRONG = _DUPLICATES | {"normal_086"}

_NAME = re.compile(r"(normal|tumor|test)_\d{3}", re.IGNORECASE)
_PATIENT = re.compile(r"(patient_\d{3})_node_\d", re.IGNORECASE)
_LABELLED_PATIENT = re.compile(r"patient_(0\d{2})(_node_\d)?", re.IGNORECASE)
_PATIENTS_A_CENTRE = 20


@dataclass(frozen=True)
class NamedSlide:
    """What a slide's name says in CAMELYON16."""

    split: str
    """train or test."""
    normal: bool | None
    """Whether the slide has no tumour; None: the name does not say it."""


def known_trap(slide_name: str) -> str | None:
    """What is wrong with a slide of this name, and what to do about it; None for all others.

    Args:
        slide_name: Without a suffix, in any case: `Test_114`.
    """
    return _TRAPS.get(slide_name.lower())


def is_wrong(slide_name: str) -> bool:
    """Whether a slide of this name is a duplicate or mislabelled: nothing is to be learned or measured on it."""
    return slide_name.lower() in _WRONG


def is_duplicate(slide_name: str) -> bool:
    """Whether a slide of this name is another one again: corrected labels don't mend that."""
    return slide_name.lower() in _DUPLICATES


def is_partly_annotated(slide_name: str) -> bool:
    """Whether a slide of this name has tumour that nobody drew, so that what is not annotated may be tumour."""
    return slide_name.lower() in _PARTLY_ANNOTATED


def named_slide(slide_name: str) -> NamedSlide | None:
    """What the name says, such as normal_001, tumor_001 or test_001; None where it is no name of CAMELYON16."""
    found = _NAME.fullmatch(slide_name)
    if found is None:
        return None
    kind = found[1].lower()
    return NamedSlide("test" if kind == "test" else "train", {"normal": True, "tumor": False}.get(kind))


def patient_of(slide_name: str) -> str | None:
    """The patient of a slide that is named as CAMELYON17 does, patient_000_node_0; None for all others."""
    found = _PATIENT.fullmatch(slide_name)
    return found[1].lower() if found else None


def centre_of(name: str) -> int | None:
    """The hospital of a patient or slide of CAMELYON17's labelled part, 0 to 4; None for all others.

    Patients 0 to 99 are labelled, twenty of each of five hospitals in turn (Bandi et al. 2019).

    Examples:
        >>> [centre_of(name) for name in ("patient_000", "patient_041_node_2", "patient_099", "patient_100", "a")]
        [0, 2, 4, None, None]
    """
    found = _LABELLED_PATIENT.fullmatch(name)
    return int(found[1]) // _PATIENTS_A_CENTRE if found else None
