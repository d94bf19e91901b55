"""The environment."""

from pathlib import Path

import pytest

from sentinode.core.errors import SentinodeError, StorageError
from sentinode.core.files import write_text
from sentinode.core.settings import Settings


def test_cache_is_the_users_own_choice_then_xdg_then_home() -> None:
    assert Settings.from_environment({"SENTINODE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}).cache == Path("/a")
    assert Settings.from_environment({"XDG_CACHE_HOME": "/b"}).cache == Path("/b/sentinode")
    assert Settings.from_environment({}).cache == Path.home() / ".cache" / "sentinode"
    assert Settings.from_environment({"SENTINODE_CACHE": "~/x"}).cache == Path.home() / "x"


def test_the_processs_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINODE_CACHE", "/from/the/process")
    assert Settings.from_environment().cache == Path("/from/the/process")


def test_threads() -> None:
    assert Settings.from_environment({"SENTINODE_THREADS": "3"}).threads == 3
    assert Settings.from_environment({}).threads >= 1


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_threads_must_be_a_positive_whole_number(text: str) -> None:
    with pytest.raises(SentinodeError, match=f"SENTINODE_THREADS is '{text}'; give a whole number"):
        Settings.from_environment({"SENTINODE_THREADS": text})


def test_a_user_without_a_home_needs_none_until_something_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    settings = Settings.from_environment({})
    with pytest.raises(StorageError, match=r"can't write .*\.cache/sentinode/a: .*SENTINODE_CACHE"):
        write_text(settings.cache / "a", "")
    assert Settings.from_environment({"SENTINODE_CACHE": "/x", "SENTINODE_DATA": "/y"}).cache == Path("/x")
