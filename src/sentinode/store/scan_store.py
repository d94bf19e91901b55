"""Scans and what became of them."""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, func, select, update

from sentinode.store.tables import ScanRow, now
from sentinode.store.transactions import transaction

ACTIVE = ("queued", "running")


class Scans:
    """Adds, finds and changes scans."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, **columns: Any) -> ScanRow:
        """A new scan."""
        row = ScanRow(id=secrets.token_urlsafe(9), created=columns.pop("created", None) or now(), **columns)
        with transaction(self._engine) as opened:
            opened.add(row)
        return row

    def get(self, scan_id: str) -> ScanRow | None:
        """The scan of that id."""
        with transaction(self._engine) as opened:
            return opened.get(ScanRow, scan_id)

    def all(self) -> list[ScanRow]:
        """All of them, the newest first."""
        with transaction(self._engine) as opened:
            return list(opened.scalars(select(ScanRow).order_by(ScanRow.created.desc(), ScanRow.id)))

    def with_status(self, *statuses: str) -> list[ScanRow]:
        """Those in one of these states, the oldest first."""
        with transaction(self._engine) as opened:
            found = select(ScanRow).where(ScanRow.status.in_(statuses)).order_by(ScanRow.created, ScanRow.id)
            return list(opened.scalars(found))

    def of_slide(self, slide_id: str) -> list[ScanRow]:
        """Those of a slide, the newest first."""
        with transaction(self._engine) as opened:
            found = select(ScanRow).where(ScanRow.slide_id == slide_id).order_by(ScanRow.created.desc(), ScanRow.id)
            return list(opened.scalars(found))

    def change(self, scan_id: str, was: tuple[str, ...] = (), **columns: Any) -> bool:
        """Set columns of a scan that is in one of the states `was` (any, where empty); whether it was."""
        change = update(ScanRow).where(ScanRow.id == scan_id).values(**columns)
        if was:
            change = change.where(ScanRow.status.in_(was))
        with transaction(self._engine) as opened:
            return bool(opened.execute(change).rowcount)  # type: ignore[attr-defined]

    def folders(self) -> Mapping[str, ScanRow]:
        """Folder → its scan, of all that hold or will hold one."""
        with transaction(self._engine) as opened:
            rows = opened.scalars(select(ScanRow).where(ScanRow.status.not_in(("cancelled", "failed"))))
            return {row.folder: row for row in rows}

    def counts(self) -> dict[str, int]:
        """Status → number of scans."""
        with transaction(self._engine) as opened:
            rows = opened.execute(select(ScanRow.status, func.count()).group_by(ScanRow.status))
            return {row[0]: row[1] for row in rows}
