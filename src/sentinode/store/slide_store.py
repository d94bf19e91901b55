"""Ids of slides: random, so that neither a name nor a path is in an address."""

import secrets
from collections.abc import Iterable

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from sentinode.store.tables import SlideRow, now
from sentinode.store.transactions import transaction

FOLDER, UPLOAD = "folder", "upload"
"""Places: the folder that the server was given, and its own."""
_DELETED = "deleted"


class Slides:
    """Finds and gives ids."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ids_of(self, place: str, files: Iterable[str]) -> dict[str, str]:
        """File → id for the files of a place; those that have none yet get one."""
        known = self._known(place)
        new = [file for file in files if file not in known]
        if new:
            try:
                with transaction(self._engine) as opened:
                    opened.add_all(
                        [SlideRow(id=secrets.token_urlsafe(9), place=place, file=file, created=now()) for file in new]
                    )
            except IntegrityError:  # another process found them at the same time
                pass
            known = self._known(place)
        return known

    def delete(self, slide_id: str) -> None:
        """Let the file's name go: another file of that name is another slide. What refers to the id still may."""
        with transaction(self._engine) as opened:
            row = opened.get(SlideRow, slide_id)
            if row is not None:
                row.place, row.file = _DELETED, slide_id

    def _known(self, place: str) -> dict[str, str]:
        with transaction(self._engine) as opened:
            rows = opened.execute(select(SlideRow.file, SlideRow.id).where(SlideRow.place == place))
            return {row[0]: row[1] for row in rows}
