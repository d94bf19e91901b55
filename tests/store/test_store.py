"""The database: its schema step by step, on SQLite and, where its programs are, on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from sentinode.core.errors import SentinodeError, StorageError
from sentinode.store.database import connect, downgrade, open_store, upgrade
from sentinode.store.review_store import NotTheirsError
from sentinode.store.session_store import binding
from sentinode.store.tables import Base, now

TABLES = {
    "alembic_version", "predictions", "slides", "scans", "reviews", "review_marks", "sessions", "model_versions",
    "model_log", "model_gates",
}  # fmt: skip


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
    assert store.reviews.mark(review.id, undone=True, user_name="u", is_admin=False).undone_by == "u"
    assert store.sessions.find(session).user_name == "u"
    assert store.sessions.find(session).binding == binding(session, "c") != binding(session, "d")
    assert store.sessions.find("other") is None
    store.sessions.end(session)
    assert store.sessions.find(session) is None
    store.close()


OLD_SCAN = (
    "INSERT INTO scans (id, slide_name, folder, status, settings, model_version, created, user_name) "
    "VALUES ('s', 'a', 'a', 'finished', '{}', 'v', 't', 'u')"
)
OLD_REVIEW = (
    "INSERT INTO reviews (id, number, scan_id, kind, comment, author, created, undone, undone_by) "
    "VALUES (:id, :number, 's', 'lesion', '', :author, :created, :undone, :undone_by)"
)


def test_reviews_of_an_older_store_are_kept_with_what_was_undone(url):
    engine = connect(url)
    upgrade(engine, "0002")
    with engine.begin() as connection:
        connection.execute(text(OLD_SCAN))
        for id_, number, author, created, undone, by in (
            ("b", 1, "bob", "2026-01-02", None, None),
            ("a", 1, "ann", "2026-01-01", "2026-02-01", "eve"),  # of the same number as another: a race
            ("c", 2, "ann", "2026-01-03", "2026-01-04", "ann"),
        ):
            values = {"id": id_, "number": number, "author": author, "created": created, "undone": undone}
            connection.execute(text(OLD_REVIEW), {**values, "undone_by": by})
    engine.dispose()
    store = open_store(url)
    found = [(one.id, one.number, one.undone_by) for one in store.reviews.of_scan("s")]
    assert found == [("a", 1, "eve"), ("b", 2, None), ("c", 3, "ann")]
    with pytest.raises(NotTheirsError, match="undone by eve"):
        store.reviews.mark("a", undone=False, user_name="ann", is_admin=False)
    assert store.reviews.mark("c", undone=False, user_name="ann", is_admin=False).marks[0].created == "2026-01-04"
    downgrade(store.engine, "0002")
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, undone, undone_by FROM reviews ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [("a", "2026-02-01", "eve"), ("b", None, None), ("c", None, None)]
    store.close()


def test_reviews_that_come_together_have_each_their_number(url):
    stores = [open_store(url) for _ in range(2)]  # two servers on one database
    scan = stores[0].scans.add(
        slide_id=None, slide_name="a", folder="a", status="finished", settings={}, model_version="v", user_name="u"
    )

    def add(count):
        columns = {"kind": "verdict", "lesion_id": None, "verdict": "accept", "polygon": None, "comment": ""}
        return stores[count % 2].reviews.add(scan.id, author=f"u{count}", **columns).number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(add, range(40)))
    assert sorted(numbers) == list(range(1, 41))
    for store in stores:
        store.close()


def test_a_restoring_that_meets_an_admins_undoing_is_decided_once(url):
    stores = [open_store(url) for _ in range(2)]
    scan = stores[0].scans.add(
        slide_id=None, slide_name="a", folder="a", status="finished", settings={}, model_version="v", user_name="u"
    )
    for _ in range(10):
        review = stores[0].reviews.add(
            scan.id, kind="lesion", lesion_id=None, verdict=None, polygon=None, comment="", author="ann"
        )
        stores[0].reviews.mark(review.id, undone=True, user_name="ann", is_admin=False)
        with ThreadPoolExecutor(2) as pool:
            restored = pool.submit(stores[0].reviews.mark, review.id, undone=False, user_name="ann", is_admin=False)
            undone = pool.submit(stores[1].reviews.mark, review.id, undone=True, user_name="eve", is_admin=True)
        assert undone.exception() is None
        assert restored.exception() is None or isinstance(restored.exception(), NotTheirsError)
        assert stores[0].reviews.get(review.id).undone_by == "eve"  # whoever came first
    for store in stores:
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


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("mysql://a@127.0.0.1/b", "mysql needs MySQLdb, which is not installed; install it, or give a URL like sqlite"),
        ("postgresql+psycopg2://a@127.0.0.1/b", "write postgresql+psycopg://"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_with_what_to_do(url, remedy):
    with pytest.raises(SentinodeError, match=remedy.replace("+", r"\+")) as caught:
        open_store(url)
    assert "sentinode[" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(SentinodeError, match="keeps nothing"):
        open_store(url)


def test_a_mistyped_folder_of_a_database_is_refused_and_not_made(tmp_path):
    with pytest.raises(SentinodeError, match=f"folder {tmp_path / 'stat'} is not there"):
        open_store(f"sqlite:///{tmp_path / 'stat' / 'a.sqlite'}")
    assert list(tmp_path.iterdir()) == []


def test_a_store_knows_whether_its_file_was_made(tmp_path):
    file = tmp_path / "a.sqlite"
    for made in (file, None):
        store = open_store(f"sqlite:///{file}")
        assert store.made == made
        store.close()
