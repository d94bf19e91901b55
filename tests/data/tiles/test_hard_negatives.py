"""False positives become normal tiles, of training slides only, each once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import small_slides
from sentinode.core.errors import DataError
from sentinode.data.tiles.hard_negatives import ADDED, BEYOND, KNOWN, OVER, TRUE, mine_scans
from sentinode.data.tiles.tile_folder import TileSet, read_tile_folder, write_tile_folder
from sentinode.slides.positives import PositiveTiles

SIDE = 128
"""Level-0 pixels of a tile of 64 px at 1 µm/px."""


@pytest.fixture
def tiles(draw: Callable[..., TileSet], tmp_path: Path) -> TileSet:
    return draw(tmp_path / "tiles", per_slide=4)


def everywhere(name: str, **changes: Any) -> PositiveTiles:
    """Every place of the grid, the later the higher its score."""
    y0, x0 = (
        axis.ravel() * SIDE for axis in np.indices((-(-small_slides.HEIGHT // SIDE), -(-small_slides.WIDTH // SIDE)))
    )
    values = {
        "slide": name, "slide_width": small_slides.WIDTH, "slide_height": small_slides.HEIGHT,
        "size_px": 64, "mpp": 1.0, "x0": x0.astype(np.int64), "y0": y0.astype(np.int64),
        "scores": np.linspace(0.5, 1, len(x0), dtype=np.float32), "scan_key": f"key of {name}",
        "bundle": "b", "bundle_sha256": "s", "threshold": 0.5,
    }  # fmt: skip
    return PositiveTiles(**(values | changes))


def mine(tiles: TileSet, suspects: list[PositiveTiles], folder: Path, per_slide: int = 1000):
    return mine_scans(tiles, suspects, [folder], per_slide=per_slide)


def test_what_is_added_is_normal_new_and_says_where_it_comes_from(tiles: TileSet, slides: Path, tmp_path: Path) -> None:
    mined = mine(tiles, [everywhere(f"case_{n}") for n in range(6)], slides)
    table = mined.tiles.table
    new = table[table["origin"] == "mined"]
    assert set(new["slide"]) == {"case_0", "case_1"}
    assert set(new["label"]) == {"normal"}
    assert set(new["split"]) == {"train"}
    assert new["score"].between(0.5, 1).all()
    assert not table.duplicated(["slide", "x0", "y0"]).any()
    left, top, right, bottom = small_slides.LESION
    of_tumour = new[new["slide"] == "case_1"]
    apart = (of_tumour["x0"] + SIDE + 100 <= left) | (of_tumour["x0"] >= right + 100)
    apart |= (of_tumour["y0"] + SIDE + 100 <= top) | (of_tumour["y0"] >= bottom + 100)
    assert apart.all()
    assert set(mined.skipped) == {"case_2", "case_3", "case_4", "case_5"}
    assert mined.skipped["case_4"] == "its tiles are for test"
    # The lesion is 4 × 3 tiles; the grid has 12 × 9, of which 11 × 8 lie on the slide.
    assert mined.places[TRUE] == 12
    assert mined.places[BEYOND] == 2 * (12 * 9 - 11 * 8)
    assert mined.places[ADDED] == len(new)
    assert mined.places[KNOWN] == int((tiles.table["split"] == "train").sum()) - 4  # all but the four tumour tiles
    assert mined.tiles.record.minings[0].scans == {"case_0": "key of case_0", "case_1": "key of case_1"}
    write_tile_folder(tmp_path / "out", mined.tiles)
    assert read_tile_folder(tmp_path / "out").record == mined.tiles.record


def test_nothing_is_added_twice_and_the_split_stays(tiles: TileSet, slides: Path) -> None:
    suspects = [everywhere("case_0")]
    once = mine(tiles, suspects, slides)
    assert mine(once.tiles, suspects, slides).tiles is once.tiles
    before, after = (t.table.groupby("slide")["split"].first().to_dict() for t in (tiles, once.tiles))
    assert before == after


def test_the_highest_scores_come_first_up_to_the_most(tiles: TileSet, slides: Path) -> None:
    mined = mine(tiles, [everywhere("case_0")], slides, per_slide=3)
    new = mined.tiles.table[mined.tiles.table["origin"] == "mined"]
    free = mined.places[ADDED] + mined.places[OVER]
    assert (len(new), mined.places[ADDED]) == (3, 3)
    assert free > 3
    everything = mine(tiles, [everywhere("case_0")], slides).tiles.table
    scores = everything.loc[everything["origin"] == "mined", "score"]
    assert sorted(new["score"]) == sorted(scores)[-3:]
    again = mine(mined.tiles, [everywhere("case_0")], slides, per_slide=3)
    assert again.places.get(ADDED, 0) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size_px": 96}, "scanned in tiles of 96 px at 1 µm/px, these are of 64 px"),
        ({"mpp": 0.5}, "of 64 px at 0.5 µm/px"),
        ({"slide_width": 999}, "is of a slide of 999 × 1093 px"),
    ],
)
def test_scans_of_something_else_are_refused(tiles: TileSet, slides: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        mine(tiles, [everywhere("case_1", **changes)], slides)


def test_annotations_must_be_those_of_the_drawing(tiles: TileSet, slides: Path, tmp_path: Path) -> None:
    suspects = [everywhere("case_1")]
    with pytest.raises(DataError, match=r"case_1 .*annotation"):
        mine(tiles, suspects, tmp_path)
    (tmp_path / "case_1.xml").write_text((slides / "case_1.xml").read_text().replace("512", "513"))
    with pytest.raises(DataError, match="was changed since"):
        mine(tiles, suspects, tmp_path)
