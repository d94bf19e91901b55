"""Parts of slides by a column: where numbers are parted, and which slides without tumour a part is held against."""

from pathlib import Path

import pytest

from helpers.bags import make_bag
from sentinode.core.errors import DataError
from sentinode.data.slide_labels import SlideLabel
from sentinode.studies.mil.mil_recipe import LabelsConfig
from sentinode.studies.mil.mil_slides import MilSlide
from sentinode.studies.mil.slide_parts import edges_of, parts_of


def _slides(*values: tuple[int, str]) -> list[MilSlide]:
    found = []
    for number, (label, value) in enumerate(values):
        name = f"s{number}"
        row = SlideLabel(name, "tumour" if label else "normal", name, "train", value)
        found.append(MilSlide(make_bag(name), Path(f"{name}.h5"), "0" * 64, row, label))
    return found


def test_numbers_are_parted_at_thirds_and_held_against_all_without_tumour() -> None:
    slides = _slides((0, ""), (0, "0"), *((1, str(size)) for size in range(1, 10)))
    config = LabelsConfig(by="cells")
    edges = edges_of(slides, config)
    assert edges == (3.0, 6.0)
    parts = parts_of(slides, config, edges)
    assert [(part.name, part.tumour) for part in parts] == [
        ("cells up to 3", 3), ("cells 3 to 6", 3), ("cells above 6", 3),
    ]  # fmt: skip
    assert [part.members[:2].tolist() for part in parts] == [[True, True]] * 3
    assert parts[0].members[2:].tolist() == [True] * 3 + [False] * 6


def test_words_that_both_have_keep_their_own_slides() -> None:
    slides = _slides((0, "north"), (1, "north"), (0, "south"), (1, "south"), (1, "south"))
    config = LabelsConfig(by="hospital")
    parts = parts_of(slides, config, edges_of(slides, config))
    assert [(part.name, part.members.tolist()) for part in parts] == [
        ("hospital north", [True, True, False, False, False]),
        ("hospital south", [False, False, True, True, True]),
    ]


def test_a_slide_with_tumour_and_no_value_is_named() -> None:
    with pytest.raises(DataError, match="slide s1 has tumour and no cells"):
        parts_of(_slides((0, ""), (1, "")), LabelsConfig(by="cells"), ())


def test_given_edges_want_numbers() -> None:
    config = LabelsConfig(by="cells", edges=(3, 12))
    with pytest.raises(DataError, match="slide s1: cells is 'many', where a number is wanted"):
        parts_of(_slides((0, ""), (1, "many")), config, edges_of(_slides((0, ""), (1, "many")), config))
