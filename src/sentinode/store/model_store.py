"""Versions of models, the log of what was done with them, and the gate's reports. Rows are only ever added.

Where an alias points is the last row of the log: a promotion is one row, and so it is there or not, whole.
"""

from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sentinode.store.tables import GateRow, ModelLogRow, VersionRow, now
from sentinode.store.transactions import transaction


class OvertakenError(Exception):
    """Somebody else moved the alias, added or retired the version meanwhile."""


class Models:
    """Adds to the registry's tables and reads them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, name: str, sha256: str, folder: str, user_name: str, reason: str) -> None:
        """Add a version, or say anew where it lies; the log has it either way.

        Raises:
            OvertakenError: Another program adds the same one at this moment.
        """
        try:
            with transaction(self._engine) as opened:
                _take_turns(opened, name)
                known = opened.get(VersionRow, (name, sha256))
                if known is None:
                    opened.add(VersionRow(name=name, sha256=sha256, folder=folder, created=now()))
                else:
                    known.folder = folder
                opened.add(_entry("add", name, user_name, reason, to_sha256=sha256))
        except IntegrityError as error:
            raise OvertakenError from error

    def versions(self, name: str | None = None) -> list[VersionRow]:
        """All versions, or those of a name, by name and then the first added first."""
        found = select(VersionRow).order_by(VersionRow.name, VersionRow.created, VersionRow.sha256)
        with transaction(self._engine) as opened:
            return list(opened.scalars(found if name is None else found.where(VersionRow.name == name)))

    def log(self, name: str | None = None, alias: str | None = None, until: str | None = None) -> list[ModelLogRow]:
        """What was done, the first first: all of it, or of a name, of an alias, or up to a time."""
        found = select(ModelLogRow).order_by(ModelLogRow.id)
        if name is not None:
            found = found.where(ModelLogRow.name == name)
        if alias is not None:
            found = found.where(ModelLogRow.alias == alias)
        if until is not None:
            found = found.where(ModelLogRow.created <= until)
        with transaction(self._engine) as opened:
            return list(opened.scalars(found))

    def target(self, name: str, alias: str) -> str | None:
        """The hash of the version that an alias points to; None where it points nowhere."""
        with transaction(self._engine) as opened:
            last = _last(opened, name, alias)
            return last.to_sha256 if last else None

    def move(
        self,
        action: str,
        name: str,
        alias: str,
        *,
        was: str | None,
        to: str,
        user_name: str,
        reason: str,
        forced: bool = False,
        gate: dict[str, Any] | None = None,
    ) -> None:
        """Point an alias to another version, by one row of the log.

        Args:
            action: `promote` or `rollback`.
            name: Of the model.
            alias: That is moved.
            was: Where it points now, as whoever moves it knows; None: nowhere.
            to: Hash of a version of that name.
            user_name: Who.
            reason: Why.
            forced: Whether the gate was passed over.
            gate: Its report.

        Raises:
            OvertakenError: The alias points elsewhere by now, or the version was retired.
        """
        try:
            with transaction(self._engine) as opened:
                _take_turns(opened, name)
                last = _last(opened, name, alias)
                if (last.to_sha256 if last else None) != was or _retired(opened, name, to):
                    raise OvertakenError
                number = ((last.number if last else None) or 0) + 1
                moved = {"alias": alias, "number": number, "from_sha256": was, "to_sha256": to}
                opened.add(_entry(action, name, user_name, reason, forced=forced, gate=gate, **moved))
        except IntegrityError as error:  # the index, where no row could be locked
            raise OvertakenError from error

    def retire(self, name: str, sha256: str, user_name: str, reason: str) -> None:
        """Say that a version is never to be promoted again, unless it is added anew.

        Raises:
            OvertakenError: An alias points to it.
        """
        with transaction(self._engine) as opened:
            _take_turns(opened, name)
            aliases = opened.scalars(
                select(ModelLogRow.alias).where(ModelLogRow.name == name, ModelLogRow.alias.is_not(None)).distinct()
            )
            lasts = [_last(opened, name, alias or "") for alias in aliases]
            if any(last is not None and last.to_sha256 == sha256 for last in lasts):
                raise OvertakenError
            opened.add(_entry("retire", name, user_name, reason, from_sha256=sha256))

    def add_gate(
        self, name: str, alias: str, champion: str | None, candidate: str, user_name: str, report: dict[str, Any]
    ) -> None:
        """Keep a report of the gate."""
        with transaction(self._engine) as opened:
            row = GateRow(created=now(), user_name=user_name, name=name, alias=alias, report=report)
            row.champion_sha256, row.candidate_sha256 = champion, candidate
            opened.add(row)

    def gate(self, name: str, alias: str, champion: str | None, candidate: str) -> GateRow | None:
        """The newest report on a candidate against what an alias points to."""
        found = select(GateRow).where(
            GateRow.name == name, GateRow.alias == alias, GateRow.candidate_sha256 == candidate
        )
        if champion is None:
            found = found.where(GateRow.champion_sha256.is_(None))
        else:
            found = found.where(GateRow.champion_sha256 == champion)
        with transaction(self._engine) as opened:
            return opened.scalars(found.order_by(GateRow.id.desc()).limit(1)).first()


def _entry(action: str, name: str, user_name: str, reason: str, *, forced: bool = False, **columns: Any) -> ModelLogRow:
    return ModelLogRow(
        created=now(), action=action, name=name, user_name=user_name, reason=reason, forced=forced, **columns
    )


def _last(opened: Session, name: str, alias: str) -> ModelLogRow | None:
    rows = select(ModelLogRow).where(ModelLogRow.name == name, ModelLogRow.alias == alias)
    return opened.scalars(rows.order_by(ModelLogRow.number.desc()).limit(1)).first()


def _retired(opened: Session, name: str, sha256: str) -> bool:
    """Whether the last that was said of a version itself is that it is retired."""
    said = select(ModelLogRow.action).where(
        ModelLogRow.name == name,
        ((ModelLogRow.action == "add") & (ModelLogRow.to_sha256 == sha256))
        | ((ModelLogRow.action == "retire") & (ModelLogRow.from_sha256 == sha256)),
    )
    return opened.scalars(said.order_by(ModelLogRow.id.desc()).limit(1)).first() == "retire"


def _take_turns(opened: Session, name: str) -> None:
    """Let nobody else write of a model until the transaction ends, in any database.

    The first statement writes, though it changes nothing: PostgreSQL locks the versions' rows, SQLite begins as a
    writer and reads nothing that is old.
    """
    versions = VersionRow.metadata.tables["model_versions"]
    opened.execute(update(versions).where(versions.c.name == name).values(created=versions.c.created))
