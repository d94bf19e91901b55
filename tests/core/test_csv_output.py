"""Tables for people: no cell is a formula, and what we read back ourselves is what was written."""

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sentinode
from sentinode.core.csv_output import escape_cell, render_csv, unescape_cell, write_csv
from sentinode.core.csv_table import read_exactly

FORMULAS = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("x")', "-2+3", "'=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_has_an_apostrophe_in_front(text: str) -> None:
    (row,) = csv.reader([render_csv([text], [])])
    assert row[0] == f"'{text}" or row[0] == f"'{text}".splitlines()[0]


@pytest.mark.parametrize("value", ["-0.5", "+3", "1e-5", "-.5", -0.5, "B.tif", "a=b", "'quoted'", "", 12])
def test_numbers_and_plain_names_stay(value: object) -> None:
    assert render_csv(["a", value], []) == f"a,{value}\n"


def test_a_cell_can_not_begin_behind_a_semicolon() -> None:
    assert render_csv(["a;=1+1", 'b"c'], [[None, 1.5]]) == '"a;=1+1","b""c"\n,1.5\n'


@given(st.text())
def test_escaping_is_undone_exactly(text: str) -> None:
    assert unescape_cell(escape_cell(text)) == text


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=2),
        max_size=4,
    )
)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path: Path = tmp_path_factory.mktemp("rows") / "t.csv"
    assert write_csv(path, ("a", "b"), rows) == len(rows)
    assert [cells for _, cells in read_exactly(path)] == [["a", "b"], *rows]


def test_no_module_reads_or_writes_csv_by_itself() -> None:
    package = Path(sentinode.__file__).parent
    by_itself = re.compile(r"^\s*import csv|\.read_csv\(|\.to_csv\(", re.MULTILINE)
    found = [path.name for path in package.rglob("*.py") if by_itself.search(path.read_text(encoding="utf-8"))]
    assert sorted(found) == [
        "candidates.py",
        "csv_table.py",
        "labelled_slides.py",
        "runs.py",
    ]  # our own logs and figures


def test_a_name_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", ("path",), [["gr\udcf6.png"]])
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == "path\ngr\\udcf6.png\n"
