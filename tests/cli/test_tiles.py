"""`sentinode tiles` and `sentinode mine` as a person meets them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import scan_folders
from sentinode.slides.synthetic.drawn_slides import draw_slides

TILES = ("--size", 100, "--mpp", 1.0, "--fractions", "0.5,0.5,0")


def test_slides_to_tiles_to_mined_tiles(sentinode: Callable[..., Any], workplace: Path) -> None:
    draw_slides(workplace / "slides", slides=4, width=1501, height=1203, seed=2)
    (workplace / "slides" / "junk.tif").write_bytes(b"junk")
    (workplace / "slides" / "junk.json").write_text('{"positive": []}')
    done = sentinode("tiles", "slides", "--out", "tiles", *TILES)
    assert done.status == 1
    assert "not drawn from: UnsupportedSlideError: " in done.err
    assert "use them    --data slides:tiles" in done.out
    again = json.loads(sentinode("tiles", "slides", "--out", "tiles", *TILES, "--json").out)
    assert again["counts"]["train"]["normal"] == again["counts"]["train"]["tumour"] > 0
    for slide in again["slides"]:
        scan_folders.write_scan(workplace / "scans" / slide["name"], np.ones((6, 7)), width=1501, height=1203)
    mined = json.loads(
        sentinode("mine", "scans", "--annotations", "slides", "--tiles", "tiles", "--out", "more", "--json").out
    )
    held_out = {slide["name"] for slide in again["slides"] if slide["split"] != "train"}
    assert set(mined["skipped"]) == held_out
    assert mined["added"] > 0
    assert mined["tiles"] == again["tiles"] + mined["added"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["here"], "nothing says that they are normal: a"),
        (["here", "--normal", "--rule", "half"], "rule = 'half'"),
        (["here", "--normal", "--fractions", "1,1,1"], "must not be negative and must sum to 1"),
        (["here", "--normal"], "none of 1 slide can be drawn from"),
        (["nowhere"], "nowhere is not a file or a folder"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    sentinode: Callable[..., Any], workplace: Path, words: list[str], said: str
) -> None:
    (workplace / "here").mkdir()
    (workplace / "here" / "a.tif").write_bytes(b"junk")
    done = sentinode("tiles", *words, "--out", "tiles")
    assert done.status == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not (workplace / "tiles").exists()


def test_mining_needs_tiles(sentinode: Callable[..., Any], workplace: Path) -> None:
    (workplace / "scans").mkdir()
    done = sentinode("mine", "scans", "--annotations", ".", "--tiles", "scans", "--out", "out")
    assert (done.status, "scans holds no tiles" in done.err) == (2, True)
