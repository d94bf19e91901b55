"""Tables of slide labels: what is read, what an ITC rule makes of it, and what is refused."""

from pathlib import Path

import pytest

from sentinode.core.errors import DataError, LeakError
from sentinode.data.slide_labels import SlideLabels, read_slide_labels
from sentinode.slides.slide_names import SlideNames

_SLIDES = SlideNames(["a.tif", "b.tif", "c.tif", "d.tif"])


def _read(folder: Path, text: str, by: str | None = None) -> SlideLabels:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return read_slide_labels(path, _SLIDES, by)


def test_labels_splits_patients_and_a_further_column(tmp_path: Path) -> None:
    found = _read(
        tmp_path, "slide,label,patient,split,size\na.tif,0,p,train,\nB,tumour,q,valid,12\nc,1,r,test,3\n", "size"
    )
    assert [(row.slide, row.label, row.patient, row.split, row.value) for row in found.rows] == [
        ("a", "normal", "p", "train", ""),
        ("b", "tumour", "q", "train", "12"),
        ("c", "tumour", "r", "test", "3"),
    ]


def test_without_patients_each_slide_is_its_own(tmp_path: Path) -> None:
    found = _read(tmp_path, "slide,label\na,0\nb,1\n")
    assert not found.patients_known
    assert [row.patient for row in found.rows] == ["a", "b"]


_STAGED = "slide,label\na,negative\nb,ITC\nc,micro\nd,macro\n"


@pytest.mark.parametrize(
    ("rule", "classes", "left_out"),
    [
        ("positive", {"a": 0, "b": 1, "c": 1, "d": 1}, ()),
        ("negative", {"a": 0, "b": 0, "c": 1, "d": 1}, ()),
        ("exclude", {"a": 0, "c": 1, "d": 1}, ("b",)),
    ],
)
def test_what_isolated_cells_count_as(
    tmp_path: Path, rule: str, classes: dict[str, int], left_out: tuple[str, ...]
) -> None:
    labels, found = _read(tmp_path, _STAGED).of_task("detection", rule)  # type: ignore[arg-type]
    assert found == classes
    assert labels.left_out == left_out
    assert [row.slide for row in labels.rows] == list(classes)


def test_isolated_cells_need_a_rule(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 slide with isolated tumour cells .* --itc positive .* negative .* exclude"):
        _read(tmp_path, _STAGED).of_task("detection", None)


def test_without_isolated_cells_no_rule_is_needed(tmp_path: Path) -> None:
    assert _read(tmp_path, "slide,label\na,0\nb,micro\n").of_task("detection", None)[1] == {"a": 0, "b": 1}


def test_stages_in_their_order(tmp_path: Path) -> None:
    assert _read(tmp_path, _STAGED).of_task("stage", None)[1] == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_a_stage_is_not_guessed_from_tumour(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="says of b only that it has tumour"):
        _read(tmp_path, "slide,label\na,normal\nb,tumour\n").of_task("stage", None)


def test_camelyon17s_own_table(tmp_path: Path) -> None:
    text = "patient,stage\npatient_000.zip,pN1\npatient_000_node_0.tif,macro\npatient_000_node_1.tif,negative\n"
    found = _read(tmp_path, text)
    assert [(row.slide, row.patient, row.label) for row in found.rows] == [
        ("patient_000_node_0", "patient_000", "macro"),
        ("patient_000_node_1", "patient_000", "negative"),
    ]


def test_lines_that_say_the_same_are_one_slide_and_named(tmp_path: Path) -> None:
    found = _read(tmp_path, "slide,label\na,0\na.tif,normal\nb,1\n")
    assert [row.slide for row in found.rows] == ["a", "b"]
    assert found.repeated == ("a",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slide,label\na,0\na.tif,1\n", "line 3: it says tumour of a, and an earlier line normal"),
        ("slide,label,patient\na,0,p\na,0,q\n", "line 3: it says q of a, and an earlier line p"),
        ("slide,label,split\na,0,train\na,0,test\n", "line 3: it says test of a, and an earlier line train"),
        ("slide,label\na,perhaps\n", "line 2: label 'perhaps', which is none of 0, 1, normal"),
        ("slide,label,split\na,0,fold1\n", "line 2: split 'fold1', which is none of train, validation, test"),
        ("slide,label,split\na,0,train\nb,1,\n", "line 3: split '', which is none of"),
        ("slide,label,patient\na,0,p\nb,1,\n", "line 3: there is no patient"),
        ("slide,label,patient\na,0,P1\nb,1,p1\n", "patients 'P1' and 'p1'; write one name for one"),
        ("slide,score\na,0\n", "has columns slide, score"),
    ],
)
def test_a_table_that_can_not_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _read(tmp_path, text)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no column cells"):
        _read(tmp_path, "slide,label\na,0\n", "cells")


def test_a_patient_on_both_sides_is_a_leak(tmp_path: Path) -> None:
    found = _read(tmp_path, "slide,label,patient,split\na,0,p,train\nb,1,p,test\n")
    with pytest.raises(LeakError, match="patient p has slides in train and in test, such as b"):
        found.check_splits()
