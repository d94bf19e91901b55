"""What systems leave beside a user's files, by name."""

from pathlib import Path

import pytest

from sentinode.core.system_files import is_system_file, lies_in_system_folder


@pytest.mark.parametrize(
    "name", ["__MACOSX", "@eaDir", "@EADIR", "Thumbs.db", "desktop.ini", ".DS_Store", "._a.tif", "#recycle"]
)
def test_is_passed_over(name: str) -> None:
    assert is_system_file(name)
    assert lies_in_system_folder(Path("data") / name / "a.png", Path("data"))


@pytest.mark.parametrize("name", ["thumbs", "macosx", "a.db", "tumour", "_a.tif"])
def test_is_a_users(name: str) -> None:
    assert not is_system_file(name)


def test_a_folder_that_somebody_names_counts() -> None:
    assert not lies_in_system_folder(Path(".cache/@eaDir/a.png"), Path(".cache/@eaDir"))
