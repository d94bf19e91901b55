"""Reviews of scans."""

import secrets
from typing import Any

from sqlalchemy import Engine, func, select

from sentinode.serving.store.tables import ReviewRow, now
from sentinode.serving.store.transactions import transaction


class Reviews:
    """Adds reviews, undoes and restores them; none is ever deleted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, scan_id: str, **columns: Any) -> ReviewRow:
        """A new review of a scan."""
        with transaction(self._engine) as opened:
            last = opened.scalar(select(func.max(ReviewRow.number)).where(ReviewRow.scan_id == scan_id)) or 0
            row = ReviewRow(id=secrets.token_urlsafe(9), number=last + 1, scan_id=scan_id, created=now(), **columns)
            opened.add(row)
        return row

    def of_scan(self, scan_id: str) -> list[ReviewRow]:
        """All reviews of a scan in their order, those that were undone too."""
        with transaction(self._engine) as opened:
            found = select(ReviewRow).where(ReviewRow.scan_id == scan_id).order_by(ReviewRow.number, ReviewRow.created)
            return list(opened.scalars(found))

    def get(self, review_id: str) -> ReviewRow | None:
        """The review of that id."""
        with transaction(self._engine) as opened:
            return opened.get(ReviewRow, review_id)

    def mark(self, review_id: str, *, undone_by: str | None) -> ReviewRow | None:
        """Undo a review, or restore it where `undone_by` is None; doing so twice changes nothing more."""
        with transaction(self._engine) as opened:
            row = opened.get(ReviewRow, review_id)
            if row is not None and (row.undone is None) == (undone_by is not None):
                row.undone, row.undone_by = (now() if undone_by else None), undone_by
            return row
