"""The database: its schema step by step, on SQLite and, where its programs are, on PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from sentinode.core.errors import SentinodeError, StorageError
from sentinode.serving.store.database import connect, downgrade, open_store, upgrade
from sentinode.serving.store.session_store import binding
from sentinode.serving.store.tables import Base, now

TABLES = {"alembic_version", "predictions", "slides", "scans", "reviews", "sessions"}


def _programs():
    folder = next((path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    found = shutil.which("initdb") or (folder and shutil.which("initdb", path=str(folder)))
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a real server, started for these tests and stopped after them."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    # A socket's path may have 107 bytes, and its server refuses to run as root.
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        as_other = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

        def run(program, *words):
            subprocess.run([*as_other, programs / program, *words], check=True, capture_output=True, cwd=folder)

        run("initdb", "-D", folder / "data", "-U", "sentinode", "-A", "trust", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start")
        try:
            yield f"postgresql+psycopg://sentinode@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'made' / 'a.sqlite'}"
        return
    url = request.getfixturevalue("postgresql")
    yield url
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def test_migrations_lead_to_the_tables_and_back(url):
    engine = connect(url)
    for _ in range(2):
        upgrade(engine)
        upgrade(engine)  # nothing to do
        assert set(inspect(engine).get_table_names()) == TABLES
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        downgrade(engine)
        assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    engine.dispose()


def test_everything_kept_comes_back(url):
    store = open_store(url)
    row = {
        "created": now(), "request_id": "r1", "image_sha256": "0" * 64, "image_bytes": 1, "image_width": 2,
        "image_height": 3, "stored": False, "prediction": "tumour", "confidence": 0.1 + 0.2,
        "probabilities": {"normal": 0.25, "tumour": 0.75}, "low_confidence": True, "threshold": None,
        "model_name": "m", "model_version": "v", "user_name": "u",
    }  # fmt: skip
    store.predictions.add([row, {**row, "request_id": "r2"}])
    ids = store.slides.ids_of("folder", ["a.tif", "b.tif"])
    scan = store.scans.add(
        slide_id=ids["a.tif"], slide_name="a", folder="a", status="queued", settings={"stride": 5}, model_version="v",
        user_name="u", threshold=0.5,
    )  # fmt: skip
    review = store.reviews.add(
        scan.id, kind="lesion", lesion_id=None, verdict=None, polygon={"type": "Polygon"}, comment="µ", author="u"
    )
    session = store.sessions.begin("u", "c")
    store.close()
    store = open_store(url)
    assert store.predictions.count() == 2
    assert store.predictions.request_ids() == {"r1", "r2"}
    assert store.slides.ids_of("folder", ["b.tif", "a.tif"]) == ids
    assert store.slides.ids_of("upload", ["a.tif"])["a.tif"] != ids["a.tif"]
    assert store.scans.get(scan.id).settings == {"stride": 5}
    assert store.scans.change(scan.id, ("running",), status="finished") is False
    assert store.scans.change(scan.id, ("queued",), status="running") is True
    assert store.scans.counts() == {"running": 1}
    assert store.reviews.of_scan(scan.id)[0].polygon == {"type": "Polygon"}
    assert store.reviews.mark(review.id, undone_by="u").undone_by == "u"
    assert store.sessions.find(session).user_name == "u"
    assert store.sessions.find(session).binding == binding(session, "c") != binding(session, "d")
    assert store.sessions.find("other") is None
    store.sessions.end(session)
    assert store.sessions.find(session) is None
    store.close()


def test_a_database_of_a_newer_version_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.sqlite'}"
    open_store(url).close()
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SentinodeError, match="newer version"):
        open_store(url)


@pytest.mark.parametrize("url", ["nonsense", "nodb://x/y", "sqlite:///{}/a.sqlite"])
def test_a_url_that_can_not_be_is_one_line(url, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SentinodeError) as caught:
        open_store(url.format(tmp_path / "file"))
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_line_without_the_password():
    with pytest.raises(StorageError) as caught:
        open_store("postgresql+psycopg://me:secret-word@127.0.0.1:9/x")
    assert "secret-word" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sqlite_is_in_wal_and_waits_for_a_writer(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    store.close()
