"""Sessions of browsers: random ids, kept as hashes, that end by themselves."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete

from sentinode.store.tables import SessionRow, now
from sentinode.store.transactions import transaction

HOURS = 12


class Sessions:
    """Begins and ends sessions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, user_name: str, credential: str) -> str:
        """A new session; returns the id for the cookie. Sessions that have ended are removed.

        Args:
            user_name: Of whoever begins it.
            credential: What changes with the user's token: the session ends with it.
        """
        session_id = secrets.token_urlsafe(32)
        expires = (datetime.now(UTC) + timedelta(hours=HOURS)).isoformat(timespec="milliseconds")
        with transaction(self._engine) as opened:
            opened.execute(delete(SessionRow).where(SessionRow.expires < now()))
            row = SessionRow(id_sha256=_hash(session_id), user_name=user_name, expires=expires)
            row.binding = binding(session_id, credential)
            opened.add(row)
        return session_id

    def find(self, session_id: str) -> SessionRow | None:
        """The session of that id; None where there is none or its time is over."""
        with transaction(self._engine) as opened:
            row = opened.get(SessionRow, _hash(session_id))
            return row if row is not None and row.expires > now() else None

    def end(self, session_id: str) -> None:
        """End a session."""
        with transaction(self._engine) as opened:
            opened.execute(delete(SessionRow).where(SessionRow.id_sha256 == _hash(session_id)))


def binding(session_id: str, credential: str) -> str:
    """Digest that binds a session to a credential. Without the cookie it tells nobody anything of the token."""
    return hmac.new(session_id.encode("utf-8", "surrogatepass"), credential.encode(), hashlib.sha256).hexdigest()


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()
