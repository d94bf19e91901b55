"""Where a registry is: the store and the folder of a server, which need not run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinode.core.errors import DataNotFoundError
from sentinode.core.files import storage_errors
from sentinode.registry.registry import Registry
from sentinode.registry.sealed_copies import SealedCopies
from sentinode.store.database import Store, database_errors, missing_file, open_store, url_in

_COPIES = "models"
_PRIVATE = 0o700
"""What a server keeps is nobody else's."""


def registry_of(store: Store, data: Path) -> Registry:
    """The registry in an open store.

    Args:
        store: The store.
        data: The server's own folder, in which the copies lie.
    """
    return Registry(store.models, SealedCopies(data / _COPIES))


@contextmanager
def open_registry(data: Path, database: str | None = None, *, make: bool = False) -> Iterator[Registry]:
    """Open the registry of a server; it may run or not.

    Args:
        data: The server's own folder.
        database: SQLAlchemy URL; None: SQLite in `data`.
        make: Make the folder and its database where they are missing.

    Raises:
        DataNotFoundError: They are, and are not to be made: perhaps the folder is mistyped.
        SentinodeError: The database can't be used.
        StorageError: The folder can't be written, or the database is away.
    """
    url = database or url_in(data)
    if make:
        with storage_errors(data):
            data.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    elif missing := missing_file(url):
        raise DataNotFoundError(
            f"there is no server's database {missing}; check --data and --database, or add a first version: sentinode "
            "models add BUNDLE"
        )
    store = open_store(url)
    try:
        with database_errors(store.engine):
            yield registry_of(store, data)
    finally:
        store.close()


def shell_user() -> str:
    """Who runs a command, as the log has it; no user of a server can have such a name."""
    try:
        import pwd

        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"[:64]
    except (ImportError, KeyError):  # a system without that table, or a user who is not in it
        return "shell:unknown"
