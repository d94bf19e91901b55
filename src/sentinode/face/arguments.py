"""What a caller in Python gives: None and other kinds of things are refused in a line, or mean the default."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from sentinode.core.errors import ArgumentError


def as_path(name: str, value: Any, example: str) -> Path:
    """The path that `value` is.

    Args:
        name: The argument's.
        value: A text or a path.
        example: What could stand there: `out="measured"`.

    Raises:
        ArgumentError: It is something else, such as None, or an empty text.
    """
    if not isinstance(value, str | Path | PathLike) or not str(value):
        raise ArgumentError(f"{name} is {_shown(value)}; give a text or a path, for example {name}={example}")
    return Path(value)


def as_text(name: str, value: Any, example: str) -> str:
    """The same for what may be a path, and may be a name or an address, too."""
    return value if isinstance(value, str) and value else str(as_path(name, value, example))


def as_paths(name: str, value: Any, example: str) -> list[Path]:
    """The paths of a sequence of texts and paths, or of a single one.

    Raises:
        ArgumentError: It is something else, or holds something else.
    """
    if isinstance(value, str | Path):
        return [as_path(name, value, example)]
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        raise ArgumentError(f"{name} is {_shown(value)}; give texts or paths, for example {name}=[{example}]")
    return [as_path(f"{name}[{place}]", one, example) for place, one in enumerate(value)]


def as_texts(name: str, value: Any, example: str) -> tuple[str, ...]:
    """Texts of a sequence, or a single one; None: no text.

    Raises:
        ArgumentError: It is something else, or holds something else.
    """
    if value is None:
        return ()
    several = (value,) if isinstance(value, str) else value
    if not isinstance(several, Sequence) or not all(isinstance(one, str) for one in several):
        raise ArgumentError(f"{name} is {_shown(value)}; give texts, for example {name}=[{example}]")
    return tuple(several)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str | int | float | bytes):
        return repr(value)[:60]
    return f"a {type(value).__name__}"
