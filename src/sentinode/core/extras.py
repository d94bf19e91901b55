"""Optional dependencies, imported where they are used; a missing one is an error with the install line.

Extras follow jobs: `sentinode[scan]` is all that a scan needs.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from sentinode.core.errors import MissingExtraError


def require(module: str, *, extra: str) -> ModuleType:
    """Import `module`, which comes with the package's optional `extra`.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # the module is there, something that it needs is not: its own message says more than ours
        raise _missing(error.name, extra) from error


@contextmanager
def job(extra: str) -> Iterator[None]:
    """Inside it, whatever is missing is an error with the install line of `extra`, which has all that the job needs.

    As a decorator it makes a job of a function.

    Raises:
        MissingExtraError: A module is not installed.
    """
    try:
        yield
    except (ModuleNotFoundError, MissingExtraError) as error:
        if error.name is None or error.name.partition(".")[0] == "sentinode":
            raise
        raise _missing(error.name.partition(".")[0], extra) from error


def _missing(module: str, extra: str) -> MissingExtraError:
    message = f"this needs {module}, which is not installed: pip install 'sentinode[{extra}]'"
    return MissingExtraError(message, name=module)
