"""What `sentinode models` does: each job opens the registry of a server, does one thing and closes it.

`data` is the server's own folder (None: as the settings say), `database` an SQLAlchemy URL (None: SQLite in that
folder). The server may run.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import RegistryError, VersionNotFoundError
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import open_bundle
from sentinode.registry.alias import Alias
from sentinode.registry.gate import GateReport
from sentinode.registry.history import SHOWN, moment
from sentinode.registry.place import open_registry, shell_user
from sentinode.registry.registry import Registry
from sentinode.registry.version import Version


@dataclass(frozen=True)
class Told:
    """Lines for a person, and the same for a machine."""

    lines: Sequence[str]
    content: Any
    missing: Sequence[str] = ()
    """Lines on what was not reached."""

    def summary(self) -> str:
        """The lines."""
        return "\n".join(self.lines)

    def to_json(self) -> Any:
        """The machine's answer."""
        return self.content

    def warnings(self) -> list[str]:
        """What was not reached."""
        return list(self.missing)


def add_version(bundle: str, name: str | None, reason: str, data: Path | None, database: str | None) -> Told:
    """Add a bundle, or a shipped one, as a version.

    Raises:
        BundleError: There is no such bundle, or it was changed.
        RegistryError: The name can't be one.
    """
    opened = open_bundle(bundle)
    with _opened(data, database, make=True) as registry:
        version = registry.add(opened, name, shell_user(), reason)
    return Told([f"{version.name} {version.sha256[:SHOWN]} is added"], version.to_json())


def list_versions(name: str | None, data: Path | None, database: str | None) -> Told:
    """All versions, or those of a model, with the aliases that point to them.

    Raises:
        VersionNotFoundError: There is no model of that name.
    """
    with _opened(data, database) as registry:
        versions = registry.versions(name)
    lines = [_line(version) for version in versions] or ["there is no version yet; sentinode models add BUNDLE"]
    return Told(lines, [version.to_json() for version in versions])


def show_version(name: str, digits: str, data: Path | None, database: str | None) -> Told:
    """A version, and all that was done with it.

    Raises:
        VersionNotFoundError: There is none.
    """
    with _opened(data, database) as registry:
        version = registry.version(name, digits)
        bundle = registry.open_version(version.sha256)
        entries = [
            entry for entry in registry.log(name) if version.sha256 in (entry.from_sha256, entry.to_sha256)
        ]  # fmt: skip
    lines = [_line(version), f"hash    {version.sha256}", f"bundle  {bundle.folder}", *(one.line() for one in entries)]
    found = {**version.to_json(), "bundle": str(bundle.folder), "log": [entry.to_json() for entry in entries]}
    return Told(lines, found)


def check_version(
    alias: str,
    digits: str,
    data: Path | None,
    database: str | None,
    *,
    engine: str = "auto",
    progress: Progress = SILENT,
) -> Told:
    """Have the gate look at a version, and keep its report, by which a promotion goes.

    Raises:
        RegistryError: The version can't be promoted, there is no policy, or the data is not the frozen one.
    """
    report = _checked(Alias.of(alias), digits, data, database, engine, progress)
    missing = () if report.passed else (f"the gate does not let {digits[:SHOWN]} through",)
    return Told(report.lines(), report.to_json(), missing)


def promote_version(
    alias: str,
    digits: str,
    reason: str,
    data: Path | None,
    database: str | None,
    *,
    force: bool = False,
    engine: str = "auto",
    progress: Progress = SILENT,
) -> Told:
    """Have the gate look at a version, and point the alias to it where it lets it through.

    Raises:
        RegistryError: It does not; with `force`, where the gate is passed over, there is no reason.
    """
    wanted = Alias.of(alias)
    report = None if force else _checked(wanted, digits, data, database, engine, progress)
    with _opened(data, database) as registry:
        entry = registry.promote(wanted, digits, shell_user(), reason, force=force)
    return Told([*(report.lines() if report else ()), entry.line()], entry.to_json())


def roll_back(alias: str, reason: str, data: Path | None, database: str | None) -> Told:
    """Point an alias to what it pointed to before its last promotion.

    Raises:
        RegistryError: There is nothing to go back to.
    """
    with _opened(data, database) as registry:
        entry = registry.rollback(Alias.of(alias), shell_user(), reason)
    return Told([entry.line()], entry.to_json())


def retire_version(name: str, digits: str, reason: str, data: Path | None, database: str | None) -> Told:
    """Say that a version is not to be promoted again.

    Raises:
        RegistryError: An alias points to it.
    """
    with _opened(data, database) as registry:
        version = registry.retire(name, digits, shell_user(), reason)
    return Told([f"{version.name} {version.sha256[:SHOWN]} is retired"], version.to_json())


def read_log(of: str | None, data: Path | None, database: str | None) -> Told:
    """All that was done; or with a model (NAME) or an alias (NAME@ALIAS).

    Raises:
        RegistryError: There is no such model or alias, or the alias can't be one.
    """
    name, at, alias = (of or "").partition("@")
    if at:
        Alias.of(of or "")
    with _opened(data, database) as registry:
        if name:
            registry.versions(name)
        entries = registry.log(name or None, alias or None)
    if alias and not entries:
        raise VersionNotFoundError(f"{of} was never promoted; look at all of it with sentinode models log {name}")
    lines = [entry.line() for entry in entries] or ["nothing was done yet"]
    return Told(lines, [entry.to_json() for entry in entries])


def targets_at(time: str, data: Path | None, database: str | None) -> Told:
    """What each alias pointed to at a time.

    Raises:
        RegistryError: It is no time.
    """
    with _opened(data, database) as registry:
        found = registry.at(time)
    asked = moment(time)
    lines = [f"{alias}  {sha256[:SHOWN]}  {sha256}" for alias, sha256 in found.items()]
    return Told([f"at {asked}", *(lines or ["no alias pointed to anything"])], {"at": asked, "aliases": found})


@contextmanager
def _opened(data: Path | None, database: str | None, *, make: bool = False) -> Iterator[Registry]:
    """The registry of the server whose own folder is `data` (None: that of the settings)."""
    with open_registry(data or Settings.from_environment().data / "server", database, make=make) as registry:
        yield registry


def _checked(
    alias: Alias, digits: str, data: Path | None, database: str | None, engine: str, progress: Progress
) -> GateReport:
    # Here and not above: what measures needs more libraries than all else of this file.
    from sentinode.studies.registry.gate_study import measured_report

    settings = Settings.from_environment()
    with _opened(data, database) as registry:
        version, bundle = registry.candidate(alias, digits)
        report = measured_report(registry, alias, bundle, engine, settings, progress)
        if registry.target(alias) != report.champion:
            raise RegistryError(
                f"somebody else has moved {alias} while {version.sha256[:SHOWN]} was measured; try again"
            )
        registry.keep(alias, report, shell_user())
    return report


def _line(version: Version) -> str:
    marks = [*version.aliases, *(["retired"] if version.retired else [])]
    return "  ".join([version.name, version.sha256[:SHOWN], version.created, ", ".join(marks)]).rstrip()
