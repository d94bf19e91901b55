"""A version of a model: a bundle under a name, known by its hash."""

from dataclasses import dataclass
from typing import Any

from sentinode.registry.history import SHOWN


@dataclass(frozen=True)
class Version:
    """A version of a model."""

    name: str
    sha256: str
    created: str
    """When it was first added, ISO 8601 in UTC."""
    retired: bool
    aliases: tuple[str, ...]
    """That point to it."""

    def to_json(self) -> dict[str, Any]:
        """All of it, and `version`, which predictions and scans carry."""
        return {
            "name": self.name,
            "version": self.sha256[:SHOWN],
            "sha256": self.sha256,
            "created": self.created,
            "retired": self.retired,
            "aliases": list(self.aliases),
        }
