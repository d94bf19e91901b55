"""Which slides are drawn from, and what is known of them."""

from pathlib import Path

import pytest

from sentinode.core.errors import AnnotationError, DataError
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.slides.annotations.camelyon import is_partly_annotated

REGION = '{"positive": [{"name": "a", "vertices": [[0, 0], [9, 0], [9, 9]]}]}'


def touch(folder: Path, *names: str, content: str = "") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def test_a_slide_without_annotation_is_normal_only_where_that_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", "b.tif", "c.tif", "c.json")
    with pytest.raises(DataError, match=r"2 slides .*: a, b; .*--normal"):
        list_annotated_slides([tmp_path], [])
    assert [not one.annotations for one in list_annotated_slides([tmp_path], [], normal=True).slides] == [
        True,
        True,
        False,
    ]
    touch(tmp_path, "slides.csv", content="slide,label,lesions\na.tif,0,0\nb.tif,1,2\n")
    found = list_annotated_slides([tmp_path], [])
    assert [one.name for one in found.slides] == ["a", "c"]
    assert [(one.id, one.kind) for one in found.left_out] == [("b", "has tumour, but no annotation")]


def test_camelyon16_as_the_challenge_packed_it(tmp_path: Path) -> None:
    touch(tmp_path, *(f"training/normal/normal_{n:03d}.tif" for n in (1, 86)))
    touch(tmp_path, *(f"training/tumor/tumor_{n:03d}.tif" for n in (1, 18)))
    touch(tmp_path, *(f"testing/images/test_{n:03d}.tif" for n in (1, 3, 49, 114)))
    touch(tmp_path, *(f"training/lesion_annotations/tumor_{n:03d}.xml" for n in (1, 18)))
    touch(tmp_path, *(f"testing/lesion_annotations/test_{n:03d}.xml" for n in (1, 114)))
    with pytest.raises(DataError, match=r"1 slide has no annotation.*: test_003"):
        list_annotated_slides([tmp_path], [])
    touch(tmp_path, "testing/reference.csv", content="test_001,Tumor,IDC,Macro\ntest_003,Normal,None,None\n")
    found = list_annotated_slides([tmp_path], [])
    assert [(one.name, one.split, bool(one.annotations), one.complete) for one in found.slides] == [
        ("normal_001", "train", False, True),
        ("tumor_001", "train", True, True),
        ("tumor_018", "train", True, False),
        ("test_001", "test", True, True),
        ("test_003", "test", False, True),
        ("test_114", "test", True, False),
    ]
    assert {one.id for one in found.left_out} == {"normal_086", "test_049"}


def test_a_table_gives_patient_split_and_completeness_over_what_names_say(tmp_path: Path) -> None:
    touch(tmp_path, "tumor_018.tif", "tumor_001.tif", "normal_002.tif")
    touch(tmp_path, "tumor_018.json", "tumor_001.json", content=REGION)
    rows = "slide,patient,split,annotated\ntumor_018,p1,val,fully\ntumor_001,p2,train,partly\nnormal_002,p1,val,\n"
    touch(tmp_path, "t.csv", content=rows)
    found = {one.name: one for one in list_annotated_slides([tmp_path], [], tmp_path / "t.csv").slides}
    assert {name: (one.group, one.split, one.complete) for name, one in found.items()} == {
        "tumor_018": ("p1", "validation", True),
        "tumor_001": ("p2", "train", False),
        "normal_002": ("p1", "validation", True),
    }
    assert is_partly_annotated("Tumor_018")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("slide,label\na,maybe\n", "the label 'maybe'"),
        ("slide,label\na,0\na,1\n", "another thing of slide a than an earlier line"),
        ("slide,label,split\na,0,holdout\n", "write train, validation or test"),
        ("slide,label,split\na,0,train\nb,0,\n", "1 of 2 slides without a split"),
        ("slide,label,annotated\na,1,half\n", "write fully or partly"),
        ("slide,label,patient\na,0,p\nb,0,\n", "line 3: there is no patient"),
        ("slide,label\na,0,1\n", "line 2: 3 values for 2 columns"),
        ("slide,label,label\na,0,1\n", "2 columns 'label'"),
        ("name,label\na,0\n", "has the columns name, label; it needs slide and any of label, patient"),
        ("slide,lesions\na,0\n", "has the columns slide, lesions; it needs slide and any of label, patient"),
    ],
)
def test_what_is_wrong_in_a_table_is_said(tmp_path: Path, rows: str, said: str) -> None:
    touch(tmp_path, "a.tif", "b.tif")
    touch(tmp_path, "t.csv", "slides.csv", content=rows)
    for table in (tmp_path / "t.csv", None):  # named, and found beside the slides
        with pytest.raises(DataError, match=said):
            list_annotated_slides([tmp_path], [], table, normal=True)


def test_a_table_without_labels_counts_too(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", "b.tif")
    touch(tmp_path, "slides.csv", content="slide,patient\na,p1\nb,p1\n")
    assert [one.group for one in list_annotated_slides([tmp_path], [], normal=True).slides] == ["p1", "p1"]
    with pytest.raises(DataError, match="normal: a, b"):
        list_annotated_slides([tmp_path], [])


def test_contradictions_are_errors(tmp_path: Path) -> None:
    touch(tmp_path, "normal_001.tif")
    touch(tmp_path, "normal_001.json", content=REGION)
    with pytest.raises(DataError, match="said to be normal, but"):
        list_annotated_slides([tmp_path], [])
    touch(tmp_path, "else/x.tif")
    touch(tmp_path, "one/x.json", "two/x.json", content=REGION)
    with pytest.raises(AnnotationError, match="annotations of one slide"):
        list_annotated_slides([tmp_path / "else"], [tmp_path / "one", tmp_path / "two"])


def test_camelyon17s_slides_are_grouped_by_patient(tmp_path: Path) -> None:
    touch(tmp_path, "patient_017_node_2.tif", "patient_017_node_4.tif")
    found = list_annotated_slides([tmp_path], [], normal=True)
    assert {one.group for one in found.slides} == {"patient_017"}
    assert {one.split for one in found.slides} == {None}


def test_names_are_matched_as_people_write_them_and_the_rest_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "CASE-1.A.tif", "CASE-1.B.tif", "c.tif")
    touch(
        tmp_path, "truth/case-1.a.tif.json", "truth/c2.json", "truth/Thumbs.db", "truth/__MACOSX/x.json", content=REGION
    )
    touch(tmp_path, "t.csv", content="slide;label\nCASE-1.A;1\nCASE-1.B;0\nC.tif;0\ngone.tif;1\n")
    found = list_annotated_slides([tmp_path], [tmp_path / "truth"], tmp_path / "t.csv")
    assert {one.name: [path.name for path in one.annotations] for one in found.slides} == {
        "CASE-1.A": ["case-1.a.tif.json"], "CASE-1.B": [], "c": [],
    }  # fmt: skip
    assert [note.rpartition("/")[2].rpartition(": ")[2] for note in found.notes] == ["c2.json", "gone.tif"]
