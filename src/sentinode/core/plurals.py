"""Numbers of things in words: `1 patch`, `2,907 patches`; `a, b and c`."""

from collections.abc import Sequence

_PLURALS = {"epoch": "epochs"}


def count(value: int) -> str:
    """`2,907`."""
    return f"{value:,}"


def plural(amount: int, noun: str) -> str:
    """`1 patch`, `2,907 patches`."""
    return f"1 {noun}" if amount == 1 else f"{count(amount)} {plural_of(noun)}"


def plural_of(noun: str) -> str:
    """The noun for more than one."""
    return _PLURALS.get(noun, noun + ("es" if noun.endswith(("ch", "s", "x", "sh")) else "s"))


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
