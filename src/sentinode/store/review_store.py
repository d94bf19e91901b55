"""Reviews of scans."""

import secrets
from collections import OrderedDict
from typing import Any

from sqlalchemy import Engine, Text, cast, func, select, update
from sqlalchemy.orm import Session

from sentinode.store.tables import ReviewMarkRow, ReviewRow, ScanRow, now
from sentinode.store.transactions import transaction

_MOST_REVIEWS, _MOST_BYTES = 10_000, 64 << 20
"""Of a scan: all of them are read at once, to list them and to see what they say together."""
_KEPT_SIZES = 10_000


class NotTheirsError(Exception):
    """Whoever undoes or restores a review may not. The message says who may."""


class TooManyReviewsError(Exception):
    """A scan's reviews are as many as they may be."""


class Reviews:
    """Adds reviews and marks them as undone or restored; nothing is ever changed or deleted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sizes: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """By scan: the last number, and the bytes of all polygons up to it; none of them ever changes."""

    def add(self, scan_id: str, **columns: Any) -> ReviewRow:
        """A new review of a scan.

        Raises:
            TooManyReviewsError: It has as many as it may.
        """
        with transaction(self._engine) as opened:
            _take_turns(opened, scan_id)
            last, size = self._size(opened, scan_id)
            if last >= _MOST_REVIEWS or size >= _MOST_BYTES:
                raise TooManyReviewsError
            row = ReviewRow(
                id=secrets.token_urlsafe(9), number=last + 1, scan_id=scan_id, created=now(), marks=[], **columns
            )
            opened.add(row)
        return row

    def of_scan(self, scan_id: str) -> list[ReviewRow]:
        """All reviews of a scan in their order, those that were undone too."""
        with transaction(self._engine) as opened:
            found = select(ReviewRow).where(ReviewRow.scan_id == scan_id).order_by(ReviewRow.number)
            return list(opened.scalars(found))

    def changed(self, scan_id: str, number: int, mark: int) -> tuple[list[ReviewRow], int]:
        """Reviews of a scan that came after a number or were marked after a mark, in their order; and the last mark."""
        with transaction(self._engine) as opened:
            # In turn with whoever marks one: a mark that is on its way has a number above the last, or is seen.
            _take_turns(opened, scan_id)
            last = opened.scalar(select(func.max(ReviewMarkRow.id))) or 0
            new = select(ReviewRow).where(ReviewRow.scan_id == scan_id, ReviewRow.number > number)
            found = {row.id: row for row in opened.scalars(new)}
            if number and last > mark:
                # Of any scan: asked for this one's, the database would read all of them.
                marked = select(ReviewMarkRow.review_id).where(ReviewMarkRow.id > mark)
                found |= {row.id: row for row in opened.scalars(select(ReviewRow).where(ReviewRow.id.in_(marked)))}
            rows = sorted((row for row in found.values() if row.scan_id == scan_id), key=lambda row: row.number)
            return rows, last

    def get(self, review_id: str) -> ReviewRow | None:
        """The review of that id."""
        with transaction(self._engine) as opened:
            return opened.get(ReviewRow, review_id)

    def mark(self, review_id: str, *, undone: bool, user_name: str, is_admin: bool) -> ReviewRow | None:
        """Undo a review, or restore it; None where there is none.

        A reviewer may undo their own, and restore it if they undid it themselves; an admin may undo and restore any.
        What a reviewer undid an admin may undo again: then it stays so until an admin restores it.

        Raises:
            NotTheirsError: The user may not.
        """
        with transaction(self._engine) as opened:
            _take_turns(opened, select(ReviewRow.scan_id).where(ReviewRow.id == review_id).scalar_subquery())
            row = opened.get(ReviewRow, review_id)
            if row is None:
                return None
            if not is_admin:
                _check_own(row, user_name, restores=not undone)
            by_author = row.undone_by == row.author
            if row.undone != undone or (undone and by_author and user_name != row.author):
                mark = ReviewMarkRow(review_id=row.id, undone=undone, author=user_name, created=now())
                row.marks.append(mark)
            return row

    def _size(self, opened: Session, scan_id: str) -> tuple[int, int]:
        """The last number of a scan's reviews, and the bytes of their polygons; reads those that are new."""
        known, size = self._sizes.pop(scan_id, (0, 0))
        held = select(func.max(ReviewRow.number), func.sum(func.length(cast(ReviewRow.polygon, Text))))
        last, more = opened.execute(held.where(ReviewRow.scan_id == scan_id, ReviewRow.number > known)).one()
        self._sizes[scan_id] = found = (last or known, size + (more or 0))
        while len(self._sizes) > _KEPT_SIZES:
            self._sizes.popitem(last=False)
        return found


def _check_own(row: ReviewRow, user_name: str, *, restores: bool) -> None:
    if row.kind == "adjudication":
        raise NotTheirsError("an adjudication is undone and restored by an admin; ask one")
    if row.author != user_name:
        raise NotTheirsError(f"the review is by {row.author}; they or an admin may undo and restore it")
    if restores and row.undone and row.undone_by != user_name:
        raise NotTheirsError(f"the review was undone by {row.undone_by}; an admin may restore it")


def _take_turns(opened: Session, scan_id: Any) -> None:
    """Let nobody else add to a scan's reviews until the transaction ends, in any database.

    The first statement writes, though it changes nothing: PostgreSQL locks the scan's row, SQLite begins as a writer
    and reads nothing that is old.
    """
    scans = ScanRow.metadata.tables["scans"]  # the plain table: no object has to be brought up to date
    opened.execute(update(scans).where(scans.c.id == scan_id).values(status=scans.c.status))
