"""The database that a search is kept in: opened, locked as SQLite needs it, its errors in words."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import event

from sentinode.core.errors import MissingExtraError, StorageError

HEARTBEAT = 5
"""Seconds after which a process says again that its trial is alive."""

GRACE = 30
"""Seconds without such a word after which a trial counts as interrupted, and another process does it again."""

_SQLITE_PATIENCE = 5.0  # seconds that SQLite waits for another process's lock; Optuna tries five times over
_TRIES, _PAUSE = 5, 0.3  # at making the tables, and seconds between two of them
_ADVICE = "stop what holds it, or wait, and run the same command again: what was finished is kept"


class _Storage(RDBStorage):
    """Optuna's storage, whose heart may miss a beat: the grace is there for it, and the thread must go on."""

    def record_heartbeat(self, trial_id: int) -> None:
        try:
            super().record_heartbeat(trial_id)
        except StorageInternalError:
            return


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever letters its path has."""
    url = sqlalchemy.URL.create("sqlite", database=str(path.resolve()))
    return url.render_as_string(hide_password=False)


@contextmanager
def open_storage(url: str) -> Iterator[RDBStorage]:
    """The storage at a SQLAlchemy URL, its tables made where they are not there yet.

    Raises:
        StorageError: The URL is none, the database can't be reached, is locked, or is none of ours. So too whatever the
            body of the `with` meets in the database.
        MissingExtraError: The driver for this kind of database is not installed.
    """
    parsed = _parsed(url)
    with storage_errors(parsed):
        try:
            storage = _made(url, parsed)
        except ImportError as error:
            message = f"no driver for {parsed.drivername} databases is installed ({error.__cause__}); pip install one"
            raise MissingExtraError(message) from error
        except RuntimeError as error:  # Optuna's way to say that the tables are of another version of it
            raise StorageError(f"the search's database was made by another version of Optuna: {error}") from error
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()


def shown_url(url: str | sqlalchemy.URL) -> str:
    """What a person is told of a database: a SQLite file's path, another's URL without its password.

    Raises:
        StorageError: It is no database URL.
    """
    parsed = _parsed(url) if isinstance(url, str) else url
    sqlite = parsed.drivername.startswith("sqlite")
    return str(parsed.database) if sqlite else parsed.render_as_string(hide_password=True)


@contextmanager
def storage_errors(url: sqlalchemy.URL) -> Iterator[None]:
    """Turn a database's errors into one line that names it, without its password."""
    shown = shown_url(url)
    try:
        yield
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error).splitlines()[0]
        if "locked" in reason:
            raise StorageError(f"the search's database {shown} is locked by another process; {_ADVICE}") from error
        message = f"the search's database {shown} can't be used ({reason}); check --storage, or give another --out"
        raise StorageError(message) from error


def _parsed(url: str) -> sqlalchemy.URL:
    try:
        parsed = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        message = "--storage is no database URL; give one as postgresql://USER:PASSWORD@HOST/NAME or sqlite:////PATH.db"
        raise StorageError(message) from error
    if parsed.drivername.startswith("sqlite") and parsed.database in (None, "", ":memory:"):
        raise StorageError(f"--storage {url} keeps nothing; give a file, as sqlite:////PATH.db")
    return parsed


def _made(url: str, parsed: sqlalchemy.URL) -> RDBStorage:
    """The storage with its tables; of several processes that make them at the same moment, the later ones try again."""
    for _ in range(_TRIES - 1):
        try:
            return _make(url, parsed)
        except sqlalchemy.exc.DBAPIError as error:
            if not isinstance(error, sqlalchemy.exc.IntegrityError) and "already exists" not in str(error.orig):
                raise
            time.sleep(_PAUSE)
    return _make(url, parsed)


def _make(url: str, parsed: sqlalchemy.URL) -> RDBStorage:
    sqlite = parsed.drivername.startswith("sqlite")
    arguments: dict[str, Any] = {"connect_args": {"timeout": _SQLITE_PATIENCE}} if sqlite else {"pool_pre_ping": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats, which have been there since Optuna 2
        storage = _Storage(
            # Optuna fills in braces.
            url.replace("{", "{{").replace("}", "}}"),
            engine_kwargs=arguments,
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
        )
    if sqlite:
        _lock_from_the_start(storage.engine)
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # we say ourselves what became of a trial
    return storage


def _lock_from_the_start(engine: sqlalchemy.Engine) -> None:
    """Let every transaction take SQLite's write lock when it begins.

    SQLite has no SELECT … FOR UPDATE, by which Optuna keeps two processes from taking up the same waiting trial.
    """

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # or the driver would begin transactions in its own way

    @event.listens_for(engine, "begin")
    def _(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections from before do not know of it


def fail_stale(study: optuna.Study) -> None:
    """Let the trials fail whose process has given no sign for the grace."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
