"""Odd tables of slides and patients: other encodings and separators, lines that would shift, names of every form."""

from collections.abc import Callable
from pathlib import Path

from sentinode.core.csv_output import write_csv
from sentinode.data.patient_table import read_patients
from sentinode.slides.slide_names import SlideNames
from sentinode.testing.oddities.oddity import MisreadError, Oddity
from sentinode.testing.oddities.pictures import only_file

_SLIDES = ("CASE-01.B1.tif", "CASE-01.B2.tif", "0012.tif", "1e5.tif", "=ü.tif")
_PATIENTS = {"CASE-01.B1": "p1", "CASE-01.B2": "p1", "0012": "p2", "1e5": "p3", "=ü": "p4"}
_PLAIN = "slide,patient\nCASE-01.B1.tif,p1\nCASE-01.B2.tif,p1\n0012.tif,p2\n1e5.tif,p3\n=ü.tif,p4\n"


def _read(folder: Path) -> None:
    found = dict(read_patients(only_file(folder), SlideNames(_SLIDES)).of_slide)
    if found != _PATIENTS:
        raise MisreadError(f"{found} was read, {_PATIENTS} written")


def _table(name: str, about: str, content: str | bytes, refusal: str = "") -> Oddity:
    written = content.encode() if isinstance(content, str) else content

    def write(folder: Path) -> None:
        (folder / "patients.csv").write_bytes(written)

    return Oddity(f"tables/{name}", about, write, _read, refusal)


def _plain(name: str, about: str, change: Callable[[str], str | bytes], refusal: str = "") -> Oddity:
    """The plain table, changed."""
    return _table(name, about, change(_PLAIN), refusal)


def _ours(folder: Path) -> None:
    slides = [(f"{name}.tif", patient) for name, patient in _PATIENTS.items()]
    write_csv(folder / "patients.csv", ("slide", "patient"), slides)
    if "\n=" in (folder / "patients.csv").read_text(encoding="utf-8"):
        raise MisreadError("a cell that a spreadsheet takes for a formula was written")


TABLES: tuple[Oddity, ...] = (
    _plain("without-suffix", "slides without their suffix", lambda text: text.replace(".tif", "")),
    _plain(
        "another-suffix",
        "slides named by the files that they were converted from",
        lambda text: text.replace("tif", "svs"),
    ),
    _plain("with-folders", "slides named with folders", lambda text: text.replace("CASE", "C:\\slides\\CASE")),
    _plain(
        "another-case",
        "slides and columns in another case of letters",
        lambda text: text.replace("slide", "Slide").replace("CASE", "case"),
    ),
    _plain("trailing-blanks", "blanks behind names", lambda text: text.replace(",", " ,").replace("\n", " \n")),
    _plain("trailing-separators", "a comma at the end of each line", lambda text: text.replace("\n", ",\n")),
    _plain(
        "separators-below-the-header",
        "a comma at the end of each row",
        lambda text: text.replace("\n", ",\n").replace("patient,", "patient"),
    ),
    _plain("empty-lines", "empty lines, and lines of separators", lambda text: text.replace("\n", "\n\n,,\n")),
    _plain(
        "index-column",
        "a first column of numbers without a name",
        lambda text: "," + text.rstrip().replace("\n", "\n1,"),
    ),
    _plain("semicolons", "columns parted by semicolons", lambda text: text.replace(",", ";")),
    _plain("excel-hint", "sep=; in the first line", lambda text: "sep=;\r\n" + text.replace(",", ";")),
    _plain("tabs-in-utf-16", "Excel's Unicode text", lambda text: text.replace(",", "\t").encode("utf-16")),
    _plain("byte-order-mark", "UTF-8 with the mark that Excel writes", lambda text: text.encode("utf-8-sig")),
    _plain("windows-1252", "Excel's CSV", lambda text: text.encode("cp1252")),
    Oddity("tables/formula", "a name that a spreadsheet takes for a formula, written by us", _ours, _read),
    _plain(
        "two-encodings",
        "lines of two encodings",
        lambda text: text.encode() + "ä,p5\n".encode("cp1252"),
        "no single encoding",
    ),
    _table("workbook", "an Excel workbook called CSV", b"PK\x03\x04\x14\0", "Excel workbook"),
    _plain("short-line", "a line that ends early", lambda text: text + "b.tif\n", "line 7: 1 value for 2 columns"),
    _plain(
        "long-line", "a comma inside a value", lambda text: text + "b.tif,Roe, Ann\n", "line 7: 3 values for 2 columns"
    ),
    _plain(
        "line-numbers",
        "a short line below empty ones",
        lambda text: text.replace("\n0", "\n\n\n0") + "b\n",
        "line 9: 1 value",
    ),
    _plain(
        "column-twice",
        "two columns of one name",
        lambda text: text.replace("\n", ",x\n").replace(",x", ", Patient", 1),
        "2 columns 'patient'",
    ),
    _plain("header-twice", "two files joined", lambda text: text + text, "line 7: the header again"),
    _plain(
        "open-quotation", "a quotation mark that is not closed", lambda text: text + '"b.tif,p5\n', "from line 7 on"
    ),
    _plain(
        "no-patient", "a slide without a patient", lambda text: text.replace("p2", " "), "line 4: there is no patient"
    ),
    _plain(
        "nan",
        "a patient that pandas wrote as nan",
        lambda text: text.replace("p2", "nan"),
        "line 4: there is no patient",
    ),
    _plain(
        "unknown",
        "a patient called unknown",
        lambda text: text.replace("p2", "unknown"),
        "line 4: the patient is 'unknown'",
    ),
    _plain(
        "two-patients",
        "a slide twice, with two patients",
        lambda text: text + "0012,p9\n",
        "line 7: it says p9 of 0012",
    ),
    _plain(
        "letters",
        "a patient in two cases of letters",
        lambda text: text.replace("B2.tif,p1", "B2.tif,P1"),
        "write one name for one",
    ),
)
