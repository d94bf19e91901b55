"""What the log of a registry says: where an alias points now and pointed then, and what a rollback leads back to."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sentinode.core.errors import RegistryError
from sentinode.store.tables import ModelLogRow

SHOWN = 12
"""Digits of a hash that stand for a version: those that predictions and scans carry."""


@dataclass(frozen=True)
class LogEntry:
    """One thing that somebody did."""

    created: str
    """When, ISO 8601 in UTC."""
    user_name: str
    action: str
    """`add`, `promote`, `rollback` or `retire`."""
    name: str
    alias: str | None
    from_sha256: str | None
    to_sha256: str | None
    reason: str
    forced: bool
    gate: dict[str, Any] | None
    """The gate's report; see `gate.GateReport`."""

    @classmethod
    def of(cls, row: ModelLogRow) -> "LogEntry":
        """The entry in a row of the store."""
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return asdict(self)

    def line(self) -> str:
        """In a line, without the gate's figures."""
        parts = [self.created, self.user_name, self.action]
        if self.alias:
            moved = [(sha256 or "nothing")[:SHOWN] for sha256 in (self.from_sha256, self.to_sha256)]
            parts += [f"{self.name}@{self.alias}", " → ".join(moved)]
        else:
            parts += [self.name, (self.to_sha256 or self.from_sha256 or "")[:SHOWN]]
        if self.action == "promote":
            parts.append(f"gate: {self._gate()}")
        return "  ".join([*parts, self.reason or "no reason given"])

    def _gate(self) -> str:
        if self.forced:
            return "passed over by force"
        return "passed" if self.gate and self.gate["passed"] else "none"


def targets(entries: Iterable[LogEntry]) -> dict[str, str]:
    """`NAME@ALIAS` → hash of what it points to after these entries, the first first."""
    found = {f"{entry.name}@{entry.alias}": entry.to_sha256 for entry in entries if entry.alias and entry.to_sha256}
    return dict(sorted(found.items()))


def before(entries: Sequence[LogEntry]) -> str | None:
    """What a rollback leads to: the version that the last promotion not yet rolled back took the place of.

    Args:
        entries: Of one alias, the first first.

    Returns:
        Its hash, or None where there was nothing before.
    """
    served: list[str] = []
    for entry in entries:
        if entry.action == "rollback":
            served.pop()
        elif entry.to_sha256:
            served.append(entry.to_sha256)
    return served[-2] if len(served) > 1 else None


def retired(entries: Iterable[LogEntry]) -> set[tuple[str, str]]:
    """(name, hash) of the versions that were retired, and not added anew since."""
    found: set[tuple[str, str]] = set()
    for entry in entries:
        if entry.action == "retire":
            found.add((entry.name, entry.from_sha256 or ""))
        elif entry.action == "add":
            found.discard((entry.name, entry.to_sha256 or ""))
    return found


def moment(text: str) -> str:
    """A time as the log has it: ISO 8601 in UTC to the millisecond.

    Args:
        text: ISO 8601; without an offset it is UTC, as everything that the log shows. A time to the minute or second
            is its beginning.

    Raises:
        RegistryError: It is no time.
    """
    try:
        found = datetime.fromisoformat(text)
        given = found if found.tzinfo else found.replace(tzinfo=UTC)
        return given.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError) as error:
        raise RegistryError(
            f"{text!r} is no time; write it as 2026-05-01T12:00, in UTC, or with an offset as 2026-05-01T12:00+02:00"
        ) from error
