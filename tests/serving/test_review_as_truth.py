"""An exported review is truth to train on: tiles are labelled by it, and its rejected lesions are mined."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sentinode.core.errors import DataError
from sentinode.core.progress import Progress
from sentinode.data.tiles.cohort import list_cohort
from sentinode.data.tiles.config import TilesConfig
from sentinode.data.tiles.drawing import draw_into
from sentinode.data.tiles.folder import TileSet
from sentinode.data.tiles.mining import Suspects, add_false_positives
from sentinode.serving.reviewing import exported
from sentinode.slides.physical import Mpp
from sentinode.slides.pyramid import write_pyramid

SIDE, COLUMNS, ROWS = 64, 12, 10
KNOWN = ("known", "other", "third")
ACCEPTED, DRAWN, REJECTED = (1, 1), (1, 6), (8, 4)
"""(column, row) of the first tile of each lesion, which are of 2 × 2 tiles."""


def review(kind: str, place: tuple[int, int], verdict: str | None = None) -> Any:
    left, top = (SIDE * axis for axis in place)
    right, bottom = left + 2 * SIDE, top + 2 * SIDE
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    return SimpleNamespace(
        id=f"{kind}-{place}", kind=kind, lesion_id=f"lesion-{place}" if verdict else None, verdict=verdict,
        polygon={"type": "Polygon", "coordinates": [ring]}, author="ann", undone=None,
    )  # fmt: skip


JUDGED = [review("verdict", ACCEPTED, "accept"), review("verdict", REJECTED, "reject"), review("lesion", DRAWN)]
ONLY_REJECTED = JUDGED[1:2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The slide that is reviewed and three whose tumour is known, tissue everywhere."""
    pixels = np.random.default_rng(0).integers(0, 60, (ROWS * SIDE, COLUMNS * SIDE, 1)) + np.array([180, 90, 140])
    place = tmp_path / "slides"
    place.mkdir()
    level = np.clip(pixels, 0, 255).astype(np.uint8)
    for name in ("case", *KNOWN):
        write_pyramid(place / f"{name}.tif", [level], width=COLUMNS * SIDE, height=ROWS * SIDE, mpp=Mpp(1.0, 1.0))
    for name in KNOWN:
        (place / f"{name}.xml").write_text(exported([review("lesion", DRAWN)], "xml"), encoding="utf-8")
    (place / "slides.csv").write_text(
        "slide,label,split\ncase,,train\nknown,,train\nother,,validation\nthird,,test\n", encoding="utf-8"
    )
    return place


def save(reviews: list[Any], kind: str, folder: Path) -> None:
    """As a reviewer saves the export: under the slide's name."""
    (folder / f"case.{kind}").write_text(exported(reviews, kind), encoding="utf-8")


def draw(folder: Path, out: str, **cohort: Any) -> TileSet:
    config = TilesConfig(size_px=SIDE, mpp=1.0, margin_um=0, per_slide=4)
    found = list_cohort([folder], [], **cohort)
    return draw_into(folder.parent / out, found, config, Progress())[0]


def mine(tiles: TileSet, folder: Path) -> set[tuple[int, int]]:
    """(column, row) of the places that are added of all that there are."""
    y0, x0 = (axis.ravel().astype(np.int64) * SIDE for axis in np.indices((ROWS, COLUMNS)))
    everywhere = Suspects(
        "case", COLUMNS * SIDE, ROWS * SIDE, SIDE, 1.0, x0, y0, np.full(len(x0), 0.9, np.float32), "key"
    )
    mined = add_false_positives(
        tiles, [everywhere], [folder], bundle="b", bundle_sha256="s", threshold=0.5, per_slide=1000
    )
    table = mined.tiles.table
    normal = table[(table["label"] == "normal") & (table["slide"] == "case")]
    return {(x // SIDE, y // SIDE) for x, y in zip(normal["x0"], normal["y0"], strict=True)}


def tiles_of(*places: tuple[int, int]) -> set[tuple[int, int]]:
    return {(column + right, row + down) for column, row in places for right in (0, 1) for down in (0, 1)}


def labels(tiles: TileSet) -> set[str]:
    return set(tiles.table.loc[tiles.table["slide"] == "case", "label"])


@pytest.mark.parametrize("kind", ["geojson", "xml"])
def test_accepted_and_drawn_lesions_are_tumour_and_rejected_ones_are_mined(kind: str, folder: Path) -> None:
    save(JUDGED, kind, folder)
    tiles = draw(folder, "tiles")
    tumour = tiles.table[(tiles.table["label"] == "tumour") & (tiles.table["slide"] == "case")]
    where = {(x // SIDE, y // SIDE) for x, y in zip(tumour["x0"], tumour["y0"], strict=True)}
    assert where
    assert where <= tiles_of(ACCEPTED, DRAWN)
    everything = {(column, row) for column in range(COLUMNS) for row in range(ROWS)}
    assert mine(tiles, folder) == everything - tiles_of(ACCEPTED, DRAWN)


@pytest.mark.parametrize("kind", ["geojson", "xml"])
def test_a_slide_of_which_all_was_rejected_has_no_tumour(kind: str, folder: Path) -> None:
    save(ONLY_REJECTED, kind, folder)
    tiles = draw(folder, "tiles")
    assert labels(tiles) == {"normal"}
    assert tiles_of(REJECTED) <= mine(tiles, folder)
    table = folder.parent / "known.csv"
    table.write_text(
        "slide,label,split\ncase,0,train\nknown,1,train\nother,1,validation\nthird,1,test\n", encoding="utf-8"
    )
    assert labels(draw(folder, "known", table=table)) == {"normal"}


def test_tiles_drawn_before_a_review_are_not_mined_against_it(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True)
    save(ONLY_REJECTED, "geojson", folder)
    assert tiles_of(REJECTED) <= mine(tiles, folder)
    save(JUDGED, "geojson", folder)
    with pytest.raises(DataError, match="draw the tiles again"):
        mine(tiles, folder)
