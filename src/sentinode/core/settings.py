"""The only reader of the environment. Built once at the edge (the command line, a server) and passed down."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sentinode.core.errors import SentinodeError

_TRUST = "SENTINODE_TRUST"

_NOWHERE = Path(os.devnull)
"""In place of a home that there is not: no folder can be made in it, and who wants one is told so."""


@dataclass(frozen=True)
class Settings:
    """What depends on the machine rather than on the job."""

    cache: Path
    """Folder for packed data sets and downloaded weights: SENTINODE_CACHE, else ~/.cache/sentinode (XDG)."""

    threads: int
    """CPU threads for training and inference: SENTINODE_THREADS, else every core that this process may use."""

    data: Path = field(default_factory=lambda: _home() / ".local" / "share" / "sentinode")
    """Folder for what a server keeps: SENTINODE_DATA, else ~/.local/share/sentinode (XDG)."""

    trust: tuple[Path, ...] = ()
    """Public keys: a bundle that none of them has signed is refused. SENTINODE_TRUST, files separated as in PATH."""

    local_rank: int = 0
    """Which of the processes that train together on one machine this is: LOCAL_RANK, set by Lightning's launcher."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings from `environment`, by default the process's own.

        Raises:
            SentinodeError: SENTINODE_THREADS is not a positive whole number.
        """
        env = os.environ if environment is None else environment
        home_cache = Path(env.get("XDG_CACHE_HOME") or _home() / ".cache")
        cache = Path(env.get("SENTINODE_CACHE") or home_cache / "sentinode")
        home_data = Path(env.get("XDG_DATA_HOME") or _home() / ".local" / "share")
        data = Path(env.get("SENTINODE_DATA") or home_data / "sentinode")
        return cls(
            cache=cache.expanduser(),
            data=data.expanduser(),
            trust=tuple(Path(key).expanduser() for key in env.get(_TRUST, "").split(os.pathsep) if key),
            threads=_threads(env.get("SENTINODE_THREADS", "")),
            local_rank=int(env.get("LOCAL_RANK") or 0),
        )


@contextmanager
def trusting(keys: Sequence[str]) -> Iterator[None]:
    """Inside it, this process and those that it starts open only bundles that one of `keys` has signed."""
    before = os.environ.get(_TRUST)
    if keys:
        os.environ[_TRUST] = os.pathsep.join(keys)
    try:
        yield
    finally:
        if before is not None:
            os.environ[_TRUST] = before
        elif keys:
            del os.environ[_TRUST]


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user whom the system does not know, in a container
        return _NOWHERE


def _threads(text: str) -> int:
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        message = f"SENTINODE_THREADS is {text!r}; give a whole number of at least 1, or unset it to use every core"
        raise SentinodeError(message)
    return int(text)
