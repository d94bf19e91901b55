"""The log of predictions. A batch is one transaction, committed before any of it is answered."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, func, insert, select

from sentinode.store.tables import PredictionRow
from sentinode.store.transactions import transaction


class Predictions:
    """Adds to the log and reads it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert = insert(PredictionRow.__table__)  # type: ignore[arg-type]

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows (the columns of `PredictionRow` but for its id); when this returns they are kept."""
        with self._engine.begin() as connection:
            connection.execute(self._insert, list(rows))

    def count(self) -> int:
        """Number of all predictions."""
        with transaction(self._engine) as opened:
            return opened.scalar(select(func.count()).select_from(PredictionRow)) or 0

    def request_ids(self) -> set[str]:
        """Ids of all answered requests."""
        with transaction(self._engine) as opened:
            return set(opened.scalars(select(PredictionRow.request_id)))
