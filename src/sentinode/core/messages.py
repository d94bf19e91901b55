"""Pieces of messages: what is wrong with a value, in one line; numbers of things, `1 patch`, `2,907 patches`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

_PLURALS = {"epoch": "epochs", "metastasis": "metastases", "slide or patient": "slides or patients"}


def one_line(error: Exception, *table: str, names: Mapping[str, str] | None = None) -> str:
    """Why something can't be used, in one line: each of pydantic's errors with key, value and what was expected.

    Args:
        error: Any exception; one without a text is named by its type.
        table: Keys above those that were checked, such as `data`.
        names: Key → what the user calls it.
    """
    if isinstance(error, ValidationError):
        return "; ".join(fault(item, *table, names=names) for item in error.errors())
    return " ".join(str(error).split()) or type(error).__name__


def fault(item: Any, *table: str, names: Mapping[str, str] | None = None) -> str:
    """One entry of `ValidationError.errors()` in our words: `training.epochs = 0: input should be greater than 0`."""
    key = ".".join((names or {}).get(str(part), str(part)) for part in (*table, *item["loc"]))
    if item["type"] == "extra_forbidden":
        return f"unknown key {key!r}; remove or correct it"
    if item["type"] == "missing":
        return f"{key!r} is missing; add it"
    text = item["msg"].removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    if not key or isinstance(item["input"], dict):  # values of a table that contradict each other: the text names them
        return f"{key}: {text}" if key else text
    return f"{key} = {item['input']!r}: {text}"


def count(value: int) -> str:
    """`2,907`."""
    return f"{value:,}"


def plural(amount: int, noun: str) -> str:
    """`1 patch`, `2,907 patches`."""
    return f"1 {noun}" if amount == 1 else f"{amount:,} {plural_of(noun)}"


def agree(amount: int, one: str, more: str) -> str:
    """A number with what is said of so many: of `image lies` and `images lie` the one that fits.

    Examples:
        >>> agree(1, "image lies", "images lie"), agree(3, "image lies", "images lie")
        ('1 image lies', '3 images lie')
    """
    return f"{amount:,} {one if amount == 1 else more}"


def plural_of(noun: str) -> str:
    """The noun for more than one."""
    return _PLURALS.get(noun, noun + ("es" if noun.endswith(("ch", "s", "x", "sh")) else "s"))


def some(names: Sequence[str], most: int = 10) -> str:
    """The first of several names: `a, b, c and 1,204 more`."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
