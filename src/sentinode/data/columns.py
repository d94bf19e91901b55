"""Reading the columns that a layout names from its csv files, as text."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sentinode.core.errors import DataError


def read_columns(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """Read a csv file; every value is text without blanks around it, and empty where there is none.

    Args:
        path: The file; columns beyond those named are not read.
        required: Columns that must be there.
        optional: Columns that are read where they are there.

    Raises:
        DataError: The file can't be parsed, lacks a required column, or has no rows.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        reason = str(error).strip().replace("\n", " ")
        raise DataError(
            f"{path} is not a csv file that can be read ({reason}); save it as UTF-8 with commas"
        ) from error
    table.columns = table.columns.str.strip()
    missing = [name for name in required if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns))
        raise DataError(f"{path} has no column {', '.join(missing)}; it needs {','.join(required)} and has {found}")
    if table.empty:
        raise DataError(f"{path} has no rows below its header; add one for each image")
    kept = [*required, *(name for name in optional if name in table.columns)]
    return pd.DataFrame({name: table[name].fillna("").str.strip() for name in kept})
