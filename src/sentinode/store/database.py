"""Opening the database: its schema brought up to date first, its errors in one line."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from sentinode.core.errors import MissingExtraError, SentinodeError, StorageError
from sentinode.store.model_store import Models
from sentinode.store.prediction_log import Predictions
from sentinode.store.review_store import Reviews
from sentinode.store.scan_store import Scans
from sentinode.store.session_store import Sessions
from sentinode.store.slide_store import Slides

_BUSY_S = 5.0
"""Longest wait for another program that has the database; whoever asks is told then."""


class Store:
    """All that is kept, by noun."""

    def __init__(self, engine: Engine, made: Path | None) -> None:
        self.engine = engine
        self.made = made
        """The file of a SQLite database that was not there."""
        self.predictions = Predictions(engine)
        self.slides = Slides(engine)
        self.scans = Scans(engine)
        self.reviews = Reviews(engine)
        self.sessions = Sessions(engine)
        self.models = Models(engine)

    def close(self) -> None:
        """Let the connections go."""
        self.engine.dispose()


def file_in(folder: Path) -> Path:
    """The database's file in a server's own folder, unless it is told another database."""
    return folder / "sentinode.sqlite"


def url_in(folder: Path) -> str:
    """The URL of that file."""
    return f"sqlite:///{file_in(folder)}"


def missing_file(url: str) -> Path | None:
    """The file of a SQLite database that is not there, and that opening it would make; None: nothing of that."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None  # opening it says what is wrong
    file = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return Path(file) if file and file != ":memory:" and not Path(file).exists() else None


def open_store(url: str) -> Store:
    """Connect to the database at `url` (as SQLAlchemy has it) and bring its tables up to date.

    Raises:
        SentinodeError: The URL is none, its driver or a SQLite file's folder is missing, the database can't be reached,
            or it was made by a newer version of this package.
        StorageError: The file of a SQLite database can't be written.
    """
    engine = connect(url)
    is_new = engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists()
    with database_errors(engine):
        upgrade(engine)
    return Store(engine, Path(engine.url.database or "") if is_new else None)


def connect(url: str) -> Engine:
    """An engine for `url`; of SQLite one that many threads and a second process may use at once."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed.database, url)
        return create_engine(parsed, pool_pre_ping=True, pool_size=8, max_overflow=8)
    except (ArgumentError, NoSuchModuleError) as error:
        raise SentinodeError(
            f"{_shown(url)!r} is no database URL; give one like sqlite:///FILE or postgresql+psycopg://HOST/NAME"
        ) from error
    except ModuleNotFoundError as error:
        raise _missing_driver(parsed, error.name or "a driver") from error


def upgrade(engine: Engine, to: str = "head") -> None:
    """Run the migrations up to a revision.

    Raises:
        SentinodeError: The database has a revision that this package does not know.
    """
    from alembic import command
    from alembic.util import CommandError

    try:
        with engine.begin() as connection:
            command.upgrade(_alembic(connection), to)
    except CommandError as error:
        raise SentinodeError(
            f"the database {_shown(str(engine.url))} was made by a newer version ({error}); upgrade sentinode"
        ) from error


def downgrade(engine: Engine, to: str = "base") -> None:
    """Take migrations back, down to a revision; what their tables held is lost."""
    from alembic import command

    with engine.begin() as connection:
        command.downgrade(_alembic(connection), to)


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """Turn a database that can't be reached or written into one line."""
    try:
        yield
    except (DBAPIError, SQLAlchemyError) as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        message = f"the database {_shown(str(engine.url))} can't be used ({cause}); check its URL and its rights"
        raise StorageError(5, message) from error


def _sqlite(file: str | None, url: str) -> Engine:
    if not file or file == ":memory:":
        raise SentinodeError(f"{url} is a database in memory, which keeps nothing; give one like sqlite:///FILE")
    if not Path(file).parent.is_dir():
        raise SentinodeError(f"the database's folder {Path(file).parent} is not there; check {url}, or make the folder")
    engine = create_engine(url, connect_args={"timeout": _BUSY_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        # WAL: readers and the writer don't wait for each other. NORMAL: what was answered survives the end of this
        # process however it comes; only a power cut may take the last moments.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    _watch_file(engine, Path(file))
    return engine


def _watch_file(engine: Engine, file: Path) -> None:
    """Refuse to use a database whose file is gone: SQLite would go on writing to what nobody finds again."""

    def identity() -> tuple[int, int] | None:
        try:
            stat = file.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    @event.listens_for(engine, "connect")
    def note(_connection: Any, record: Any) -> None:
        record.info["file"] = identity()

    @event.listens_for(engine, "checkout")
    def compare(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != identity():
            raise OperationalError(None, None, sqlite3.OperationalError("the database's file was taken away"))


def _alembic(connection: Any) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "sentinode.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _missing_driver(url: URL, module: str) -> SentinodeError:
    """What to do without the module that SQLAlchemy reaches the database by; ours comes with an extra."""
    if url.drivername == "postgresql+psycopg":
        return MissingExtraError(
            f"this database needs {module}, which is not installed: pip install 'sentinode[postgresql]'"
        )
    if url.get_backend_name() == "postgresql":
        return SentinodeError(f"{url.drivername} needs {module}, which is not installed; write postgresql+psycopg://")
    return SentinodeError(
        f"{url.drivername} needs {module}, which is not installed; install it, or give a URL like sqlite:///FILE or "
        "postgresql+psycopg://HOST/NAME"
    )


def _shown(url: str) -> str:
    """Without the password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.partition("@")[2] or url
