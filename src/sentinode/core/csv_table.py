"""CSV tables that people make, read in one place by one set of rules, whichever table it is.

Text is UTF-8, with or without the mark that Excel puts in front, UTF-16 with its mark, or Windows-1252. Columns are
parted by commas, semicolons or tabs, as the first line has it. Every value is text: `0012` and `1e5` stay what they
are. Blanks around a value don't count, nor do empty lines, columns without a name, and separators at the end of a line.
What else does not fit the first line is refused with its number: a value would stand in another's column.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.csv_output import unescape_cell
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.messages import plural

_SEPARATORS = ",;\t"
_BLANK = frozenset({"nan", "<na>", "#n/a"})  # as pandas, and a spreadsheet's error, write that there is nothing
_NO_KEY = frozenset({"na", "n/a", "none", "null", "-", "?", "unknown"})
_AROUND = " \t\r\n\v\f\u00a0\u200b\ufeff"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_LETTER = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe2-\xef][\x80-\xbf]{2}")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, by the columns that were asked for."""

    path: Path
    line: int
    """In the file, from 1."""
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """The value; empty where there is none, or no such column."""
        return self.cells.get(column, "")

    def key(self, column: str) -> str:
        """The value, of a column by which rows belong together: nothing, or a word for nothing, is refused.

        Raises:
            DataError: There is none.
        """
        value = self[column]
        if value.lower() in _NO_KEY:
            raise self.fault(f"the {column} is {value!r}, which would be one {column} for every such line; name it")
        if not value:
            raise self.fault(f"there is no {column}; fill it in, or remove the line")
        return value

    def fault(self, text: str) -> DataError:
        """An error that says where."""
        return DataError(f"{self.path}, line {self.line}: {text}")


@dataclass(frozen=True)
class CsvTable:
    """A table whose first line has the names of its columns."""

    path: Path
    header: tuple[str, ...]
    lines: tuple[tuple[int, list[str]], ...]
    """(number in the file, values) of each line below the header."""

    def has(self, *columns: str) -> bool:
        """Whether it has all of these columns; the case of letters does not matter."""
        return {column.casefold() for column in columns} <= {name.casefold() for name in self.header}

    def without_header(self, columns: Sequence[str]) -> "CsvTable":
        """The same file, whose first line is a row: a table of which the columns are known."""
        return CsvTable(self.path, tuple(columns), ((1, list(self.header)), *self.lines))

    def rows(self, required: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
        """The lines below the header, at least one.

        Args:
            required: Columns that must be there.
            optional: Columns that are read where they are there; others are not read.

        Raises:
            DataError: A column is missing or there twice, there is no row, or one has too few or too many values.
        """
        missing = [name for name in required if not self.has(name)]
        if missing:
            found = ", ".join(filter(None, self.header)) or "none"
            raise DataError(
                f"{self.path} has no column {', '.join(missing)}; it needs {','.join(required)} and has {found}"
            )
        if not self.lines:
            raise DataError(f"{self.path} has no rows below its header; add one for each image or slide")
        places = {name: self._place(name) for name in (*required, *optional) if self.has(name)}
        return [Row(self.path, *self._fitted(line, cells, places)) for line, cells in self.lines]

    def _place(self, column: str) -> int:
        found = [place for place, name in enumerate(self.header) if name.casefold() == column.casefold()]
        if len(found) > 1:
            raise DataError(f"{self.path} has {plural(len(found), 'column')} {column!r}; keep the one that is meant")
        return found[0]

    def _fitted(self, line: int, cells: list[str], places: dict[str, int]) -> tuple[int, dict[str, str]]:
        width = len(self.header)
        if len(cells) != width and (len(cells) < width or any(cells[width:])):
            has = "1 value" if len(cells) == 1 else f"{plural(len(cells), 'value')}"
            raise DataError(
                f"{self.path}, line {line}: {has} for {width} columns; fill the line in, and put a value that has a "
                "separator in it into quotation marks"
            )
        if width > 1 and tuple(cells[:width]) == self.header:
            raise DataError(f"{self.path}, line {line}: the header again; were two files joined? Remove the line")
        return line, {name: cells[place] for name, place in places.items()}


def read_table(path: Path) -> CsvTable:
    """Read a CSV file.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It is no text, or its quotation marks don't fit.
    """
    if not path.is_file():
        raise DataNotFoundError(f"{path} does not exist, or is no file; check the path")
    text = _text(path)
    first, _, rest = text.partition("\n")
    said = re.fullmatch(r'"?sep=(.)"?\s*', first, re.IGNORECASE)  # Excel's own hint
    separator = said[1] if said else _separator(text)
    lines = [
        (number, values)
        for number, cells in _split(path, f"\n{rest}" if said else text, separator)
        if any(values := [_value(cell) for cell in cells])
    ]
    if not lines:
        raise DataError(f"{path} is empty; expected a line with the names of its columns, and rows")
    header = list(lines[0][1])
    while not header[-1]:  # a separator at the end of the first line names no column
        header.pop()
    return CsvTable(path, tuple(header), tuple(lines[1:]))


def read_exactly(path: Path) -> list[tuple[int, list[str]]]:
    """The lines of a file that `write_csv` wrote, with their numbers: every value to the last blank.

    Raises:
        DataError: It is no such file.
    """
    return [
        (number, [unescape_cell(cell) for cell in cells]) for number, cells in _split(path, _text(path), ",") if cells
    ]


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}; check the file") from error
    if content.startswith(_WORKBOOKS):
        raise DataError(f"{path} is an Excel workbook, not a CSV file; save it as CSV")
    try:
        if content.startswith(_UTF16):
            return content.decode("utf-16")
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content.startswith(_UTF16) or _UTF8_LETTER.search(content):
            raise DataError(f"{path} is text of no single encoding ({error}); save it as UTF-8") from error
        text = _windows(path, content)
    if "\0" in text:
        raise DataError(f"{path} is no text: it has zero bytes; save it as CSV in UTF-8")
    return text


def _windows(path: Path, content: bytes) -> str:
    """As Excel writes CSV in western Europe and America."""
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a CSV file that can be read ({error}); save it as UTF-8") from error


def _separator(text: str) -> str:
    """That which parts the first line into most columns; a comma where two do."""
    first = next((line for line in text.splitlines() if line.strip(_AROUND)), "")
    return max(_SEPARATORS, key=lambda separator: len(next(csv.reader([first], delimiter=separator))))


def _split(path: Path, text: str, separator: str) -> list[tuple[int, list[str]]]:
    """(number of its first line, cells) of each record."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found, line = [], 1
    try:
        for cells in reader:
            found.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path} is not a CSV file that can be read (from line {line} on: {error}); check its quotation marks"
        ) from error
    return found


def _value(cell: str) -> str:
    text = unescape_cell(cell.strip(_AROUND))
    return "" if text.lower() in _BLANK else text
