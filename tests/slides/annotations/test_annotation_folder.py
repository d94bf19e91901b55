"""Annotation files by slide, and those that belong to none."""

from pathlib import Path

import pytest

from sentinode.core.errors import AnnotationError, DataNotFoundError
from sentinode.slides.annotations.annotation_folder import AnnotationFolder, files_of, unused_note
from sentinode.slides.slide_names import SlideNames

SLIDES = SlideNames(["B.tif", "CASE-1.A.svs", "d.mrxs"])


def folder_of(folder: Path, *names: str) -> AnnotationFolder:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("[]")
    return AnnotationFolder(folder, SLIDES)


@pytest.mark.parametrize("name", ["B.xml", "B.tif.geojson", "b.json", "B.TIF.XML", "b.GeoJSON", "B.svs.geojson"])
def test_case_and_a_kept_suffix_do_not_matter(tmp_path: Path, name: str) -> None:
    found = folder_of(tmp_path, name)
    assert (found.of("B"), found.of("CASE-1.A"), found.unused) == (tmp_path / name, None, ())


def test_what_belongs_to_no_slide_is_told(tmp_path: Path) -> None:
    names = ("B2.xml", "CASE-1.xml", "B.ndpa", "B.geojson.txt", "more/B.xml", "CASE-1.A.json")
    beside = ("d/Slidedat.ini", "B.tif", "slides.csv", "B.png", "Thumbs.db", "._B.xml", "__MACOSX/B.xml")
    found = folder_of(tmp_path, *names, *beside)
    assert [path.name for path in found.unused] == ["B.geojson.txt", "B.ndpa", "B2.xml", "CASE-1.xml", "more"]
    assert (found.of("B"), found.of("CASE-1.A")) == (None, tmp_path / "CASE-1.A.json")


def test_two_files_of_one_slide(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"B\.geojson, B\.tif\.geojson for one slide"):
        folder_of(tmp_path, "B.geojson", "B.tif.geojson").of("B")
    exact = folder_of(tmp_path / "new", "B.xml", "b.xml")  # the other may be of a slide that is not here
    assert (exact.of("B"), [path.name for path in exact.unused]) == (tmp_path / "new" / "B.xml", ["b.xml"])


def test_each_file_of_several_folders_once(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "one", "B.xml")
    second = folder_of(tmp_path / "two", "b.geojson")
    assert [path.name for path in files_of([first, second, first], "B")] == ["B.xml", "b.geojson"]
    with pytest.raises(DataNotFoundError, match="not a folder"):
        AnnotationFolder(tmp_path / "none", SLIDES)


def test_the_note_is_one_line_whatever_their_number() -> None:
    assert unused_note([]) is None
    assert str(unused_note(f"{n}.xml" for n in range(14))).endswith("8.xml, 9.xml and 4 more")
