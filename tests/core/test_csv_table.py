"""Tables as people make them: read right, or refused with the line."""

from pathlib import Path

import pytest

from sentinode.core.csv_table import read_table
from sentinode.core.errors import DataError, DataNotFoundError


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pairs(path: Path) -> list[tuple[str, str]]:
    return [(row["slide"], row["patient"]) for row in read_table(path).rows(("slide",), ("patient",))]


PLAIN = "slide,patient\nä.tif,p1\n0012,1e5\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("cp1252"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t").encode("utf-16"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", " , \n").replace("ä.tif,", " ä.tif\u00a0, "),
        PLAIN.replace("\n", "\n\n,,\n"),
        PLAIN.replace("slide,patient", "note,Slide,PATIENT").replace("ä", "x,ä").replace("0012", "y,0012"),
        PLAIN.replace("slide", ",slide").replace("ä", "0,ä").replace("0012", "1,0012"),
        PLAIN.replace("slide,patient", "slide,patient,").replace("p1", "p1,").replace("1e5", "1e5,"),
        PLAIN.replace("p1", "p1,"),
        '"slide","patient"\n"ä.tif","p1"\n"0012","1e5"',
    ],
)
def test_the_same_table_in_every_form(tmp_path: Path, content: str | bytes) -> None:
    assert pairs(write(tmp_path, content)) == [("ä.tif", "p1"), ("0012", "1e5")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("slide,patient\na,p\n\nb\n", "line 4: 1 value for 2 columns"),
        ("slide,patient\na,p,q\n", "line 2: 3 values for 2 columns"),
        ("slide,patient\na,Smith, John\n", "line 2: 3 values for 2 columns"),
        ("slide,patient,\na,p,q\n", "line 2: 3 values for 2 columns"),
        ("slide,patient\na,p\nslide,patient\nb,q\n", "line 3: the header again"),
        ("slide,patient,Slide \na,p,b\n", "2 columns 'slide'"),
        ("patient,name\np,a\n", "no column slide; it needs slide and has patient, name"),
        ("slide,patient\n\n", "no rows below its header"),
        ("\n ,\n", "is empty"),
        ('slide,patient\na,p\n"b,q\nc,r\n', "from line 3 on: unexpected end of data"),
        (b"slide,patient\na,\x00\n", "has zero bytes"),
        (b"PK\x03\x04junk", "an Excel workbook"),
        ("slide,patient\nä,p\n".encode() + "ö,q\n".encode("cp1252"), "text of no single encoding"),
        (b"slide,patient\n\x81,p\n", "save it as UTF-8"),
        (b"\xff\xfes\x00l", "text of no single encoding"),
    ],
)
def test_what_would_shift_or_lose_a_value_is_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as refusal:
        pairs(write(tmp_path, content))
    assert "t.csv" in str(refusal.value)


def test_words_for_nothing_are_nothing_and_no_key(tmp_path: Path) -> None:
    path = write(tmp_path, "slide,patient\na,nan\nb,NaN\nc,#N/A\nd,NA\ne,\n")
    rows = read_table(path).rows(("slide", "patient"))
    assert [row["patient"] for row in rows] == ["", "", "", "NA", ""]
    for row, said in ((rows[0], "line 2: there is no patient"), (rows[3], "line 5: the patient is 'NA'")):
        with pytest.raises(DataError, match=said):
            row.key("patient")


def test_a_line_has_the_number_that_an_editor_shows(tmp_path: Path) -> None:
    path = write(tmp_path, 'slide,patient\n\n"a\nb",p\n\n\nc,q\n')
    assert [(row.line, row["slide"]) for row in read_table(path).rows(("slide",))] == [(3, "a\nb"), (7, "c")]


def test_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="does not exist"):
        read_table(tmp_path / "none.csv")
