"""CSV files that people open: written in one place, so that no cell is taken for a formula.

A spreadsheet runs what begins with =, +, - or @, and some after a tab or a line break: `=HYPERLINK(…)` as the name of a
slide would act on whoever opens the table (CWE-1236). Such text gets an apostrophe in front, which spreadsheets don't
show. Numbers stay as they are.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from sentinode.core.files import atomic_file

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four: full width, as in Japanese input
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# The semicolon, too: where it parts columns, a spreadsheet would begin a cell behind it.
_QUOTED = re.compile(r'[,;"\t\r\n]')


def escape_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula.

    Examples:
        >>> [escape_cell(text) for text in ("=1+1", "-0.5", "B.tif")]
        ["'=1+1", '-0.5', 'B.tif']
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unescape_cell(cell: str) -> str:
    """The text that `escape_cell` made `cell` of."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def render_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """The rows as CSV text; None is an empty cell."""
    return "".join(_line(row) for row in (header, *rows))


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> int:
    """Write a CSV file row by row, whole or not at all; the number of rows.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    count = 0
    with atomic_file(path) as temporary, _opened(temporary) as file:
        file.write(_line(header))
        for row in rows:
            file.write(_line(row))
            count += 1
    return count


def _opened(path: Path) -> IO[str]:
    # The name of a file may be no UTF-8; the table is.
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")


def _line(cells: Iterable[object]) -> str:
    line = ",".join(map(_cell, cells))
    return f"{line}\n" if line else '""\n'  # an empty line would be no row


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, str):
        text = escape_cell(text)
    return '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) else text
