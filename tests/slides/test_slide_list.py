"""Slides named one by one and by folder."""

from pathlib import Path

import pytest

from sentinode.core.errors import SlideError, SlideNotFoundError
from sentinode.slides.slide_list import list_slides


def test_files_and_folders_in_their_order_each_once(tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    (folder / "deeper").mkdir(parents=True)
    for name in ("b.SVS", "a.tif", "notes.txt", "deeper/c.tif"):
        (folder / name).touch()
    (tmp_path / "z.png").touch()
    found = list_slides([tmp_path / "z.png", folder, folder / "a.tif"])
    assert [path.name for path in found] == ["z.png", "a.tif", "b.SVS"]


def test_nothing_and_two_of_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SlideNotFoundError, match="not a file or a folder"):
        list_slides([tmp_path / "missing.tif"])
    with pytest.raises(SlideNotFoundError, match="holds no slide"):
        list_slides([tmp_path])
    for name in ("a.tif", "a.svs"):
        (tmp_path / name).touch()
    with pytest.raises(SlideError, match="the same name"):
        list_slides([tmp_path])
