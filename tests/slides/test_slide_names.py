"""The slide that a written name means."""

import pytest

from sentinode.core.errors import DataError
from sentinode.slides.slide_names import SlideNames, bare_name

FILES = ("CASE-01.B1.tif", "0012.svs", "1e5.tif", "a.tif", "A.tif", "x.ome.tif", "y.tif.svs", "odd.bif2")


@pytest.mark.parametrize(
    ("written", "slide"),
    [
        ("CASE-01.B1.tif", "CASE-01.B1"),
        ("CASE-01.B1", "CASE-01.B1"),
        ("case-01.b1.TIF", "CASE-01.B1"),
        ("slides/CASE-01.B1.tif", "CASE-01.B1"),
        ("C:\\slides\\0012.svs", "0012"),
        ("0012.tif", "0012"),  # converted since the table was written
        ("0012", "0012"),
        ("12", None),
        ("1e5", "1e5"),
        ("100000", None),
        ("a", "a"),
        ("A", "A"),
        ("a.tif", "a"),
        ("x", "x.ome"),
        ("x.ome", "x.ome"),
        ("x.ome.tif", "x.ome"),
        ("x.tif", "x.ome"),
        ("y", "y.tif"),
        ("y.tif", "y.tif"),
        ("y.tif.svs", "y.tif"),
        ("odd", "odd"),
        ("odd.bif2", "odd"),
        ("CASE-01", None),
        ("CASE-01.B2", None),
    ],
)
def test_a_name_means_one_slide_or_none(written: str, slide: str | None) -> None:
    assert SlideNames(FILES).find(written) == slide


def test_a_name_that_may_mean_two_is_refused() -> None:
    names = SlideNames(["B.tif", "b.svs", "c.ome.tif", "C.tif"])
    assert (names.find("b"), names.find("B.svs")) == ("b", "B")
    with pytest.raises(DataError, match=r"'c' may mean slide C or c\.ome; write the name in full"):
        names.find("c")


def test_a_name_without_suffix_keeps_its_dots() -> None:
    assert [bare_name(name) for name in ("a.b.c", "a.b.ndpi", ".tif")] == ["a.b.c", "a.b", ".tif"]
