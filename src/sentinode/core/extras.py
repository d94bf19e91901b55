"""Optional dependencies, imported where they are used; a missing one is an error with the install line."""

import importlib
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
        message = f"this needs {error.name}, which is not installed: pip install 'sentinode[{extra}]'"
        raise MissingExtraError(message) from error
