"""A slide's file, as the server knows it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KnownSlide:
    """A slide's file and the id that stands for it outside."""

    id: str
    path: Path
    version: str
    """Version of its content, by size and time of change."""
    uploaded: bool = False
    """Whether it lies in the server's own folder."""

    @property
    def name(self) -> str:
        """The file's name without its suffix; scans are named so."""
        return self.path.stem


def version_of(size: int, changed_ns: int) -> str:
    """The version of a file's content."""
    return f"{size:x}-{changed_ns:x}"


def public(message: str, known: KnownSlide) -> str:
    """A message about a slide without the server's paths."""
    return " ".join(message.replace(str(known.path), known.path.name).split())
