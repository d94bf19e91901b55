"""Parts that other packages bring: readers, architectures, explanation methods, losses and metrics.

A package declares them as entry points of its distribution. They are looked up when they are asked for, each by itself:
one that can't be loaded is named in an error when it is asked for, and stops no other.
"""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from sentinode.core.errors import PluginError

_Part = TypeVar("_Part")

GROUPS = {
    "reader": "readers",
    "architecture": "architectures",
    "explanation method": "explanation_methods",
    "loss": "losses",
    "metric": "metrics",
}
"""Kind of part → the group of its entry points, which follows `sentinode.`."""


@dataclass(frozen=True)
class Plugin:
    """A part as its package declares it; nothing of the package has been imported yet."""

    kind: str
    """A key of `GROUPS`."""
    name: str
    """The name by which it is asked for."""
    package: str
    """The distribution that brings it."""
    version: str
    """Version of the distribution."""
    entry: EntryPoint

    @property
    def origin(self) -> str:
        """The package and its version, for messages."""
        return f"{self.package} {self.version}"

    def load(self) -> Any:
        """Import the part.

        Raises:
            PluginError: It can't be imported, whatever the reason.
        """
        try:
            return self.entry.load()
        except Exception as error:  # whatever a stranger's module raises while it is imported
            raise PluginError(
                f"{self.kind} {self.name!r} of {self.origin} can't be loaded ({type(error).__name__}: {error}); mend "
                "or uninstall that package"
            ) from error

    def load_as(self, kind: type[_Part]) -> _Part:
        """Import the part, which has to be an instance of `kind`.

        Raises:
            PluginError: It can't be imported, or is something else.
        """
        part = self.load()
        if not isinstance(part, kind):
            raise PluginError(
                f"{self.kind} {self.name!r} of {self.origin} is of type {type(part).__name__}, not {kind.__name__}; "
                "mend or uninstall that package"
            )
        return part


def plugins(kind: str) -> tuple[Plugin, ...]:
    """Every part of a kind that an installed package declares, by name; none of them is imported.

    Args:
        kind: A key of `GROUPS`.
    """
    declared = [
        Plugin(
            kind, entry.name, entry.dist.name if entry.dist else "?", entry.dist.version if entry.dist else "?", entry
        )
        for entry in entry_points(group=f"sentinode.{GROUPS[kind]}")
    ]
    return tuple(sorted(declared, key=lambda plugin: (plugin.name, plugin.package)))


def find_plugin(kind: str, name: str) -> Plugin | None:
    """The part of that name; None: no package declares one.

    Raises:
        PluginError: Several packages do, so that nobody can say which is meant.
    """
    declared = [plugin for plugin in plugins(kind) if plugin.name == name]
    if len(declared) > 1:
        origins = " and ".join(plugin.origin for plugin in declared)
        raise PluginError(f"{kind} {name!r} comes from {origins}; uninstall all but one of them")
    return declared[0] if declared else None
