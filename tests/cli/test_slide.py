"""`sentinode slide show`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers import slide_files


def test_facts_thumbnail_and_both_readers(sentinode: Callable[..., Any], workplace: Path) -> None:
    slide_files.write_svs(workplace / "a.svs", slide_files.pyramid(slide_files.picture()))
    shown = sentinode("slide", "show", "a.svs", "--verify-reader", 5, "--thumbnail", "small.png")
    assert (shown.status, shown.err) == (0, "")
    for words in ("tiff (aperio)", "472 × 328 px", "0.5 × 0.5 (aperio.MPP)", "1/8, tiles of 64 × 48 px", "agree on 5"):
        assert words in shown.out
    with Image.open(workplace / "small.png") as thumbnail:
        assert thumbnail.size == (472, 328)
    facts = json.loads(sentinode("slide", "show", "a.svs", "--json", "--reader", "openslide", "--mpp", 0.25).out)
    assert (facts["reader"], facts["mpp"], facts["mpp_source"]) == ("openslide", [0.25, 0.25], "given by the user")
    assert [level["downsample"] for level in facts["levels"]] == [[1, 1], [2, 2], [4, 4], [8, 8]]
    assert facts["associated"] == ["label", "macro", "thumbnail"]


def test_a_plain_image_without_a_size(sentinode: Callable[..., Any], workplace: Path) -> None:
    slide_files.write_image(workplace / "a.png", slide_files.picture())
    shown = sentinode("slide", "show", "a.png")
    assert shown.status == 0
    assert "not known; give it with --mpp" in shown.out
    assert json.loads(sentinode("slide", "show", "a.png", "--json").out)["mpp"] is None


@pytest.mark.parametrize(("name", "content"), [("junk.svs", b"junk" * 100), ("cut.tif", None), ("nowhere.tif", b"")])
def test_what_can_not_be_opened_is_one_line(
    sentinode: Callable[..., Any], workplace: Path, name: str, content: bytes | None
) -> None:
    if content is None:
        slide_files.write_vips(workplace / name, slide_files.picture())
        content = (workplace / name).read_bytes()[:9000]
    if content:
        (workplace / name).write_bytes(content)
    ended = sentinode("slide", "show", name)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert name in ended.err
    assert ended.err.count("\n") == 1
