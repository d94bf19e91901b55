"""Empty databases: SQLite and, where its programs are, PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import text

from helpers.programs import missing
from sentinode.store.database import connect


def _programs():
    folder = next((path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    found = shutil.which("initdb") or (folder and shutil.which("initdb", path=str(folder)))
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a real server, started for these tests and stopped after them."""
    programs = _programs()
    if programs is None:
        missing("PostgreSQL", "postgresql")
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
        yield f"sqlite:///{tmp_path / 'a.sqlite'}"
        return
    url = request.getfixturevalue("postgresql")
    yield url
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
