"""Tables of images."""

from pathlib import Path

import pytest

from helpers import layouts
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.sources import csvfile


def test_paths_start_at_the_file_and_every_column_is_read(tmp_path: Path) -> None:
    source = csvfile.open_path(layouts.make_csv(tmp_path, splits=True))
    assert source.read(11).shape == (20, 24, 3)
    record = source.records[11]
    assert (record.id, record.label, record.group, record.split) == ("images/11.png", "tumour", "patient 5", "test")


def test_optional_columns_may_be_missing_and_more_may_be_there(tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path, groups=False)
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f" {lines[0]} ,note", *(f" {line} ,x" for line in lines[1:])]))
    source = csvfile.open_path(table)
    assert source.class_names == ("normal", "tumour")
    assert {(record.group, record.split) for record in source.records} == {(None, None)}


def test_empty_label_is_missing_and_text_is_never_taken_for_a_number_or_nothing(tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path)
    table.write_text("path,label,group\nimages/0.png,,007\nimages/1.png,NA,\nimages/2.png,01,x\n")
    records = csvfile.open_path(table).records
    assert [(record.label, record.group) for record in records] == [(None, "007"), ("NA", None), ("01", "x")]


def test_missing_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,label\na.png,1\n")
    with pytest.raises(DataError, match=r"path.*needs path,label and has file, label"):
        csvfile.open_path(tmp_path / "t.csv")


def test_wrong_path_gives_line_value_and_folder(tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path)
    table.write_text(table.read_text().replace("images/3.png", "imags/3.png"))
    with pytest.raises(DataNotFoundError, match=r"line 5: 'imags/3\.png' is not a file \(1 of 12 .* paths start at"):
        csvfile.open_path(table)


def test_some_rows_without_split(tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path, splits=True)
    table.write_text(table.read_text().replace("patient 1,train", "patient 1,"))
    with pytest.raises(DataError, match=r"2 of 12 rows.*line 4"):
        csvfile.open_path(table)


@pytest.mark.parametrize("content", [b"", b"path,label\n", b"path,label\n\xff\xfe\x00,1\n", b'path,label\n"a,1\nb,2\n'])
def test_file_that_is_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.csv"):
        csvfile.open_path(tmp_path / "t.csv")


def test_a_separator_at_the_end_of_each_row_shifts_nothing(tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path)
    header, *lines = table.read_text().splitlines()
    plain = csvfile.open_path(table).records
    for text in ("\n".join([header, *(f"{line}," for line in lines)]), table.read_text().replace(",", ";")):
        table.write_text(text)
        assert csvfile.open_path(table).records == plain


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("path,label, label\nimages/0.png,0,g\n", "2 columns 'label'"),
        ("path,label\nimages/0.png,0,g00\n", "line 2: 3 values for 2 columns"),
        ("path,label\n\nimages/0.png\n", "line 3: 1 value for 2 columns"),
        ("path,label\nimages/0.png,0\npath,label\nimages/1.png,1\n", "line 3: the header again"),
        ("path,label\n\n\nimages/0.png,0\nimages/x.png,0\n", "line 5: 'images/x.png' is not a file"),
    ],
)
def test_a_table_that_would_mix_columns_is_refused_with_its_line(tmp_path: Path, rows: str, said: str) -> None:
    table = layouts.make_csv(tmp_path)
    table.write_text(rows)
    with pytest.raises(DataError, match=said):
        csvfile.open_path(table)


def test_windows_encoding_and_nan(tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path)
    table.write_bytes("path,label,group\nimages/0.png,müde,nan\nimages/1.png,nan,x\n".encode("cp1252"))
    records = csvfile.open_path(table).records
    assert [(record.label, record.group) for record in records] == [("müde", None), (None, "x")]
