"""The command line as a person meets it: words in; status, standard output and standard error out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sentinode.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in; their cache lies outside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SENTINODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SENTINODE_THREADS", "1")
    return folder


@pytest.fixture
def sentinode(workplace: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, in `workplace`."""

    def run(*words: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        printed = capfd.readouterr()
        assert isinstance(caught.value.code, int)
        return Outcome(caught.value.code, printed.out, printed.err)

    return run
