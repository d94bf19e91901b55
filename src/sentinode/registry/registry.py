"""A registry of models: versions by their hash, aliases that point to them, and a log of all that was done.

A version is a bundle, and bears its hash. What an alias points to is the last entry of the log, so that a promotion is
one row of the database: killed at any moment, it has happened or it has not.
"""

from collections.abc import Callable
from pathlib import Path

from sentinode.core.errors import RegistryError, VersionNotFoundError
from sentinode.core.messages import plural, some
from sentinode.models.bundle import Bundle
from sentinode.registry.alias import Alias, checked_name, checked_reason
from sentinode.registry.gate import GateReport, contract_check, refusal
from sentinode.registry.history import SHOWN, LogEntry, before, moment, retired, targets
from sentinode.registry.policy import POLICY_FILE, Policy
from sentinode.registry.sealed_copies import SealedCopies
from sentinode.registry.version import Version
from sentinode.store.model_store import Models, OvertakenError

_LEAST_DIGITS = 6
Ready = Callable[[Bundle], object]
"""Called with a version's bundle before an alias is pointed to it; what it raises stops that."""


def _at_once(_bundle: Bundle) -> None:
    """Nobody has to be ready."""


class Registry:
    """Versions, aliases and their log; many processes may use one store at a time."""

    def __init__(self, models: Models, copies: SealedCopies) -> None:
        """Args:
        models: The store's part.
        copies: Where the bundles lie.
        """
        self._models = models
        self._copies = copies

    @property
    def policy_file(self) -> Path:
        """Where the policy of promotions is."""
        return self._copies.folder / POLICY_FILE

    def add(self, bundle: Bundle, name: str | None, user_name: str, reason: str = "") -> Version:
        """Add a bundle as a version; one that is there already is as new: it can be promoted where it was retired.

        Args:
            bundle: The bundle, which is copied.
            name: Of the model; None: that of the bundle.
            user_name: Who adds it.
            reason: Why.

        Raises:
            RegistryError: The name or the reason can't be one, or another version begins with the same digits.
            StorageError: The copy can't be written.
        """
        name = checked_name(bundle.info.name if name is None else name)
        checked_reason(reason)
        alike = [row.sha256 for row in self._models.versions() if row.sha256[:SHOWN] == bundle.sha256[:SHOWN]]
        if set(alike) - {bundle.sha256}:
            raise RegistryError(
                f"the hash of {bundle.name} begins with {bundle.sha256[:SHOWN]}, as that of another version: "
                "predictions could not be told apart; write the bundle anew"
            )
        place = self._copies.take(bundle)
        try:
            self._models.add(name, bundle.sha256, str(place.absolute()), user_name, reason)
        except OvertakenError as error:
            raise RegistryError(f"{name} {bundle.sha256[:SHOWN]} is being added by another; try again") from error
        return self.version(name, bundle.sha256)

    def versions(self, name: str | None = None) -> list[Version]:
        """All versions, or those of a name; none where there are none.

        Raises:
            VersionNotFoundError: There is no model of that name.
        """
        entries = self.log(name)
        gone, pointing = retired(entries), targets(entries)
        found = [
            Version(
                row.name, row.sha256, row.created, (row.name, row.sha256) in gone,
                tuple(
                    key.partition("@")[2]
                    for key, sha256 in pointing.items()
                    if (key.partition("@")[0], sha256) == (row.name, row.sha256)
                ),
            )
            for row in self._models.versions(name)
        ]  # fmt: skip
        if name is not None and not found:
            names = sorted({row.name for row in self._models.versions()})
            known = f"there are {some(names)}" if names else "there is none yet"
            raise VersionNotFoundError(f"there is no model {name!r}, {known}; add one: sentinode models add BUNDLE")
        return found

    def version(self, name: str, digits: str) -> Version:
        """The version of a name whose hash begins with these digits.

        Raises:
            VersionNotFoundError: There is none.
            RegistryError: There are several, or these are too few digits.
        """
        digits = digits.lower()
        if len(digits) < _LEAST_DIGITS:
            raise RegistryError(f"{digits!r} is too short for a version; give at least {_LEAST_DIGITS} of its digits")
        versions = self.versions(name)
        found = [version for version in versions if version.sha256.startswith(digits)]
        if not found:
            known = some([version.sha256[:SHOWN] for version in versions])
            raise VersionNotFoundError(f"{name} has no version {digits[:SHOWN]}; it has {known}")
        if len(found) > 1:
            raise RegistryError(
                f"{plural(len(found), 'version')} of {name} begin with {digits}; give more digits: "
                f"{some([version.sha256 for version in found])}"
            )
        return found[0]

    def target(self, alias: Alias) -> str | None:
        """Hash of what an alias points to; None: nothing yet."""
        return self._models.target(alias.name, alias.alias)

    def open_version(self, sha256: str) -> Bundle:
        """The bundle of a version, every file checked, and the signature where keys are trusted.

        Raises:
            VersionNotFoundError: There is no such version.
            RegistryError: Its copy is gone.
            BundleError: Its copy was changed, or it is not signed by whom it must be.
        """
        for row in self._models.versions():
            if row.sha256.startswith(sha256):
                return self._copies.open(row.sha256, Path(row.folder))
        raise VersionNotFoundError(f"there is no version {sha256[:SHOWN]}; add it: sentinode models add BUNDLE")

    def open(self, alias: Alias) -> Bundle:
        """The bundle that an alias points to; errors as for `open_version`."""
        sha256 = self.target(alias)
        if sha256 is None:
            raise VersionNotFoundError(
                f"{alias} points to no version; promote one: sentinode models promote {alias} VERSION"
            )
        return self.open_version(sha256)

    def gate(self, alias: Alias, version: Version) -> GateReport | None:
        """The newest report on a version against what the alias points to now."""
        row = self._models.gate(alias.name, alias.alias, self.target(alias), version.sha256)
        if row is None:
            return None
        return GateReport.model_validate({key: value for key, value in row.report.items() if key != "passed"})

    def keep(self, alias: Alias, report: GateReport, user_name: str) -> None:
        """Keep a report of the gate, for a promotion that asks for it."""
        self._models.add_gate(
            alias.name, alias.alias, report.champion, report.candidate, user_name, report.to_json()
        )  # fmt: skip

    def candidate(self, alias: Alias, digits: str) -> tuple[Version, Bundle]:
        """A version that an alias may be pointed to, and its bundle, checked.

        Raises:
            RegistryError: It was retired, or the alias points to it already. Beside those of `version` and
                `open_version`.
        """
        version = self.version(alias.name, digits)
        if version.retired:
            raise RegistryError(
                f"{alias.name} {version.sha256[:SHOWN]} was retired; add its bundle again to take that back, or "
                "choose another version"
            )
        if self.target(alias) == version.sha256:
            raise RegistryError(f"{alias} points to {version.sha256[:SHOWN]} already; nothing was changed")
        return version, self.open_version(version.sha256)

    def promote(
        self,
        alias: Alias,
        digits: str,
        user_name: str,
        reason: str = "",
        *,
        force: bool = False,
        ready: Ready = _at_once,
    ) -> LogEntry:
        """Point an alias to a version for which a report of the gate is kept that lets it through.

        Args:
            alias: The alias.
            digits: First digits of the version's hash.
            user_name: Who.
            reason: Why.
            force: Pass the gate over; needs a reason. That the files are those that were written is checked all the
                same, and that the input contract is that of what the alias pointed to.
            ready: Called with the version's bundle before the alias is moved; what it raises stops the promotion.

        Returns:
            The log's entry.

        Raises:
            RegistryError: The gate has not seen it, does not let it through, or has judged it by another policy; the
                reason can't be one; or somebody else moved the alias meanwhile. Beside those of `candidate`.
        """
        checked_reason(reason)
        version, bundle = self.candidate(alias, digits)
        was, report = self.target(alias), self.gate(alias, version)
        if force:
            self._check_forced(alias, was, bundle, reason)
        elif report is None:
            raise RegistryError(
                f"{alias} stays as it is: the gate has not seen {version.sha256[:SHOWN]} against "
                f"{(was or 'nothing')[:SHOWN]}; have it look: sentinode models check {alias} {version.sha256[:SHOWN]}"
            )
        elif not report.passed:
            raise RegistryError(refusal(report, str(alias)))
        elif was is not None and report.policy_sha256 != Policy.read(self.policy_file).sha256:
            raise RegistryError(
                f"{alias} stays as it is: the policy has changed since the gate has seen {version.sha256[:SHOWN]}; "
                f"have it look again: sentinode models check {alias} {version.sha256[:SHOWN]}"
            )
        ready(bundle)
        return self._moved("promote", alias, was, version.sha256, user_name, reason, report, forced=force)

    def rollback(self, alias: Alias, user_name: str, reason: str = "", *, ready: Ready = _at_once) -> LogEntry:
        """Point an alias back to what it pointed to before its last promotion; arguments as for `promote`.

        No gate is asked: that version served before. Its files are checked.

        Raises:
            RegistryError: It pointed to nothing before, or to a version that was retired since.
        """
        checked_reason(reason)
        entries = self.log(alias.name, alias.alias)
        back, was = before(entries), self.target(alias)
        if back is None or was is None:
            raise RegistryError(f"{alias} pointed to nothing before; promote another version instead")
        if self.version(alias.name, back).retired:
            raise RegistryError(
                f"{alias} pointed to {back[:SHOWN]} before, which was retired; promote another version, or add its "
                "bundle again"
            )
        ready(self.open_version(back))
        return self._moved("rollback", alias, was, back, user_name, reason, None)

    def retire(self, name: str, digits: str, user_name: str, reason: str = "") -> Version:
        """Say that a version is not to be promoted again. Its copy is kept: what it predicted stays explicable.

        Raises:
            RegistryError: An alias points to it.
        """
        checked_reason(reason)
        version = self.version(name, digits)
        try:
            self._models.retire(name, version.sha256, user_name, reason)
        except OvertakenError as error:
            pointing = some([f"{name}@{alias}" for alias in version.aliases]) or "an alias"
            raise RegistryError(
                f"{pointing} points to {version.sha256[:SHOWN]}; promote another version or roll back first"
            ) from error
        return self.version(name, version.sha256)

    def log(self, name: str | None = None, alias: str | None = None) -> list[LogEntry]:
        """All that was done, or with a name or an alias of it, the first first; nothing where nothing was."""
        return [LogEntry.of(row) for row in self._models.log(name, alias)]

    def at(self, time: str) -> dict[str, str]:
        """`NAME@ALIAS` → hash of what it pointed to at a time (see `history.moment`).

        Raises:
            RegistryError: It is no time.
        """
        return targets(LogEntry.of(row) for row in self._models.log(until=moment(time)))

    def _check_forced(self, alias: Alias, was: str | None, bundle: Bundle, reason: str) -> None:
        if not reason.strip():
            raise RegistryError("whoever passes the gate over says why; give a reason")
        if was is not None:
            check = contract_check(self.open_version(was), bundle)
            if not check.passed:
                raise RegistryError(
                    f"{alias} stays as it is: {bundle.sha256[:SHOWN]} {check.says}, and clients of {alias} rely on "
                    "that; promote it under another name"
                )

    def _moved(
        self,
        action: str,
        alias: Alias,
        was: str | None,
        to: str,
        user_name: str,
        reason: str,
        report: GateReport | None,
        *,
        forced: bool = False,
    ) -> LogEntry:
        gate = report.to_json() if report else None
        try:
            self._models.move(
                action, alias.name, alias.alias, was=was, to=to, user_name=user_name, reason=reason, forced=forced,
                gate=gate,
            )  # fmt: skip
        except OvertakenError as error:
            raise RegistryError(
                f"somebody else has moved {alias} or retired the version meanwhile; look at `sentinode models log "
                f"{alias}`, and try again"
            ) from error
        return self.log(alias.name, alias.alias)[-1]
