"""A new review is compared with the outlines that it meets; what is refused is what all of them together would be."""

import numpy as np
import pytest
import shapely
from sqlalchemy import event

from sentinode.serving.reviews import reviewed_outlines
from sentinode.serving.reviews.reviewed_outlines import ReviewedOutlines
from sentinode.serving.reviews.votes import last_votes
from sentinode.slides.annotations.tangle import TooTangledError, tangle_of
from sentinode.store.database import open_store
from sentinode.store.tables import ReviewRow


@pytest.fixture
def store(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path / 'a.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def scan_id(store):
    return new_scan(store)


def new_scan(store):
    return store.scans.add(
        slide_id=None, slide_name="a", folder="a", status="finished", settings={}, model_version="v", user_name="u"
    ).id


def add(store, scan_id, polygon, author="ann", lesion_id=None, kind="lesion", verdict=None):
    return store.reviews.add(
        scan_id, kind=kind, lesion_id=lesion_id, verdict=verdict, polygon=geojson(polygon), comment="", author=author
    )


def geojson(polygon):
    return {"type": "Polygon", "coordinates": [[list(place) for place in polygon.exterior.coords]]}


def zigzag(chance):
    """A simple outline that crosses another one's some 10 times where they meet."""
    count, (x, y) = 12, chance.integers(0, 60, 2)
    there = [(x + step, y + 10 * (step % 2)) for step in range(count)]
    back = [(left, top + 3) for left, top in reversed(there)]
    ring = np.array([*there, *back], float) + chance.random(2)
    return shapely.Polygon(ring if chance.integers(2) else ring[:, ::-1])


def is_refused(check):
    try:
        check()
    except TooTangledError:
        return True
    return False


def refused_by_all(store, scan_id, polygon, most):
    """By the rule itself: of all that count, each once, and the new one."""
    rows = store.reviews.of_scan(scan_id)
    polygons = {shapely.to_wkb(one): one for one in [*(vote.polygon for vote in last_votes(rows)), polygon]}
    return is_refused(lambda: tangle_of(list(polygons.values()), most))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_refused_is_what_all_together_would_be(store, scan_id, seed, monkeypatch):
    most = 120
    monkeypatch.setattr(reviewed_outlines, "MOST_CROSSINGS", most)
    chance, outlines, made, seen = np.random.default_rng(seed), ReviewedOutlines(store.reviews), [], []
    known = [zigzag(chance) for _ in range(8)]
    for step in range(80):
        polygon = known[chance.integers(8)] if chance.integers(3) == 0 else zigzag(chance)
        refused = is_refused(lambda polygon=polygon: outlines.check_addition(scan_id, polygon))
        assert refused == refused_by_all(store, scan_id, polygon, most), step
        seen.append(refused)
        if not refused or chance.integers(6) == 0:  # another server may have taken it at the same moment
            author, lesion = f"u{chance.integers(3)}", (None, "a", "b")[chance.integers(3)]
            kind = ("verdict", "adjudication")[chance.integers(2)]
            verdict = None if chance.integers(4) == 0 else "accept"
            made.append(add(store, scan_id, polygon, author, lesion, kind, verdict))
        for _ in range(chance.integers(3)):
            if made:
                review = made[chance.integers(len(made))]
                undone = bool(chance.integers(3))
                store.reviews.mark(review.id, undone=undone, user_name="eve", is_admin=True)
    assert {True, False} == set(seen)


def test_a_review_reads_none_that_was_there(store, scan_id):
    outlines, loaded = ReviewedOutlines(store.reviews), []
    for place in range(40):
        add(store, scan_id, shapely.box(place, 0, place + 5, 9))
    outlines.check_addition(scan_id, shapely.box(0, 0, 9, 9))
    event.listen(ReviewRow, "load", lambda row, _context: loaded.append(row.number))
    add(store, scan_id, shapely.box(3, 3, 9, 9))
    store.reviews.mark(store.reviews.get(add(store, scan_id, shapely.box(0, 0, 7, 7)).id).id, undone=True,
                       user_name="ann", is_admin=False)  # fmt: skip
    loaded.clear()
    outlines.check_addition(scan_id, shapely.box(1, 1, 9, 9))
    assert loaded == [41, 42]
    outlines.check_addition(scan_id, shapely.box(1, 1, 9, 9))
    assert loaded == [41, 42]


def test_outlines_of_few_scans_are_kept(store, monkeypatch):
    monkeypatch.setattr(reviewed_outlines, "_MOST_POINTS", 12)
    outlines, loaded = ReviewedOutlines(store.reviews), []
    scans = [new_scan(store) for _ in range(4)]
    for scan_id in scans:
        add(store, scan_id, shapely.box(0, 0, 9, 9))
        outlines.check_addition(scan_id, shapely.box(0, 0, 5, 5))
    event.listen(ReviewRow, "load", lambda row, _context: loaded.append(row.scan_id))
    for scan_id in reversed(scans):
        outlines.check_addition(scan_id, shapely.box(0, 0, 5, 5))
    assert loaded == [scans[1], scans[0]]
