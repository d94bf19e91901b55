"""The outlines that scans' reviews speak of, kept from review to review: a new one is compared with those it meets."""

import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Sequence

from sentinode.core.extras import require
from sentinode.serving.reviews.votes import Key, is_vote, key_of, outlines_of
from sentinode.slides.annotations.outline_index import OutlineIndex
from sentinode.slides.annotations.regions import Geometry
from sentinode.slides.annotations.tangle import TooTangledError
from sentinode.store.review_store import Reviews
from sentinode.store.tables import ReviewRow

shapely = require("shapely", extra="scan")

MOST_CROSSINGS = 200_000
"""Of all outlines of a scan: those of one lesion that many judged lie on one another, and don't cross."""
_MOST_POINTS = 1_000_000
"""Of all scans that are kept."""


class ReviewedOutlines:
    """Of the scans that were reviewed last. Any number of servers may add to the same database."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews
        self._kept: OrderedDict[str, _Turn] = OrderedDict()
        self._lock = threading.Lock()

    def check_addition(self, scan_id: str, polygon: Geometry) -> None:
        """Refuse a polygon that would overlap a scan's reviews so often that what they say together takes long to say.

        Raises:
            TooTangledError: It would.
        """
        with self._lock:
            turn = self._kept.setdefault(scan_id, _Turn())
            self._kept.move_to_end(scan_id)
        with turn.lock:
            rows, last_mark = self._reviews.changed(scan_id, turn.outlines.last_number, turn.outlines.last_mark)
            try:
                turn.outlines.take(rows, last_mark)
            except TooTangledError:  # what came to another server, or was restored: read anew, until some is undone
                turn.outlines = _ScanOutlines()
                raise
            turn.outlines.check(polygon)
        with self._lock:
            while sum(one.outlines.points for one in self._kept.values()) > _MOST_POINTS:
                self._kept.popitem(last=False)


class _Turn:
    """One at a time looks at a scan's outlines."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.outlines = _ScanOutlines()


class _ScanOutlines:
    """Of one scan: which outlines count, and how tangled they are."""

    def __init__(self) -> None:
        self.last_number = self.last_mark = self.points = 0
        self._said: defaultdict[Key, dict[int, Geometry]] = defaultdict(dict)
        """By the number of the vote that is not undone: its outline."""
        self._voters: Counter[Geometry] = Counter()
        """How many say something of an outline: of the same one it costs little to lay it over itself."""
        self._index = OutlineIndex(most_crossings=MOST_CROSSINGS)

    def take(self, rows: Sequence[ReviewRow], last_mark: int) -> None:
        """Take in reviews that are new or were marked.

        Raises:
            TooTangledError: They overlap too often. Then this is to be used no more.
        """
        votes = [row for row in rows if is_vote(row)]
        polygons = outlines_of(votes)
        self.points += int(shapely.get_num_coordinates(polygons).sum())
        if self.last_number == 0:
            self._begin(votes, polygons)
        else:
            for vote, polygon in zip(votes, polygons, strict=True):
                self._change(vote, polygon)
        self.last_number = max([self.last_number, *(row.number for row in rows)])
        self.last_mark = last_mark

    def check(self, polygon: Geometry) -> None:
        """Refuse another polygon with which the outlines were too tangled."""
        if polygon not in self._index:
            self._index.added(polygon)

    def _begin(self, votes: Sequence[ReviewRow], polygons: Sequence[Geometry]) -> None:
        for vote, polygon in zip(votes, polygons, strict=True):
            if not vote.undone:
                self._said[key_of(vote)][vote.number] = polygon
        self._voters = Counter(_last(said) for said in self._said.values())
        self._index = OutlineIndex(list(self._voters), MOST_CROSSINGS)

    def _change(self, vote: ReviewRow, polygon: Geometry) -> None:
        said = self._said[key_of(vote)]
        before = _last(said)
        said.pop(vote.number, None)
        if not vote.undone:
            said[vote.number] = polygon
        after = _last(said)
        if after != before:
            self._drop(before)
            self._hold(after)

    def _hold(self, polygon: Geometry | None) -> None:
        if polygon is not None:
            if polygon not in self._index:
                self._index.add(polygon)
            self._voters[polygon] += 1

    def _drop(self, polygon: Geometry | None) -> None:
        if polygon is not None:
            self._voters[polygon] -= 1
            if not self._voters[polygon]:
                del self._voters[polygon]
                self._index.remove(polygon)


def _last(said: dict[int, Geometry]) -> Geometry | None:
    return said[max(said)] if said else None
