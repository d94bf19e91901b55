"""JSON files of ours, read back: what is absent, damaged or of another version is an error with the remedy."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.messages import one_line

T = TypeVar("T")


def read_json(path: Path, validate: Callable[[Any], T], *, absent: str, damaged: str) -> T:
    """Read a JSON file and make of it what it stands for.

    Args:
        path: The file.
        validate: From what JSON holds to what is wanted, such as a model's `model_validate`; a ValueError refuses it.
        absent: What is said, without the path, where there is no such file: `is no rule: give …`.
        damaged: The same where it is no such file, with `{}` for the reason: `is no slide score ({}); fit it again`.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It can't be read, is no JSON, or `validate` refuses it.
    """
    try:
        return validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path} {absent}") from error
    except (OSError, ValueError, RecursionError) as error:  # the last: thousands of brackets in one another
        raise DataError(f"{path} {damaged.format(one_line(error))}") from error
