"""A slide's file, as the server knows it."""

from dataclasses import dataclass
from pathlib import Path

from sentinode.serving.problems import Problem
from sentinode.serving.remedies import for_clients


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


def check_version(known: KnownSlide) -> None:
    """Refuse a file that has changed since it was listed: its facts are another's.

    Raises:
        Problem: 409.
    """
    try:
        stat = known.path.stat()
    except OSError:  # what opens it says so
        return
    if version_of(stat.st_size, stat.st_mtime_ns) != known.version:
        raise Problem(409, f"{known.path.name} has changed since it was listed; ask GET /slides again")


def public(message: str, known: KnownSlide) -> str:
    """A message about a slide without the server's paths, and with remedies that a client has."""
    return " ".join(for_clients(message.replace(str(known.path), known.path.name)).split())
