"""Suites that say whether a part, ours or of another package, keeps its contract; they need pytest.

    from sentinode.testing import ReaderCase, ReaderTests

A name is loaded when it is first used, and pytest with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinode.testing.engines import EngineTests as EngineTests
    from sentinode.testing.maps import MapTests as MapTests
    from sentinode.testing.readers import ReaderCase as ReaderCase
    from sentinode.testing.readers import ReaderTests as ReaderTests

_HOMES = {"EngineTests": "engines", "MapTests": "maps", "ReaderCase": "readers", "ReaderTests": "readers"}
"""Name → the module that has it."""

__all__ = [*_HOMES]  # noqa: PLE0604, RUF100 - names as they are in the table


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sentinode.testing' has no attribute {name!r}; it has {', '.join(_HOMES)}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # there without us from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
