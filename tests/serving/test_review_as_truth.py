"""An exported review is truth to train on: what it accepts and draws is tumour, what it rejects is not."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sentinode.core.errors import AnnotationError, DataError
from sentinode.core.progress import Progress
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.data.tiles.hard_negatives import Mined, mine_scans
from sentinode.data.tiles.reviewed_tiles import Change
from sentinode.data.tiles.tile_folder import TileSet
from sentinode.data.tiles.tile_sampler import draw_into
from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.serving.problems import Problem
from sentinode.serving.reviews.review_regions import exported
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.placement import placed
from sentinode.slides.mpp import Mpp
from sentinode.slides.positives import PositiveTiles
from sentinode.slides.pyramid import write_pyramid
from sentinode.slides.slide_extent import SlideExtent

SIDE, COLUMNS, ROWS = 64, 12, 10
ANNOTATED = ("known", "other", "third")
ACCEPTED, DRAWN, REJECTED = (1, 1), (1, 6), (8, 4)
"""(column, row) of the first tile of each lesion, which are of 2 × 2 tiles."""

Places = set[tuple[int, int]]


NUMBERS = itertools.count(1)


def review(kind: str, place: tuple[int, int], verdict: str | None = None, tiles: int = 2, author: str = "ann") -> Any:
    left, top = (SIDE * axis for axis in place)
    right, bottom = left + tiles * SIDE, top + tiles * SIDE
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    return SimpleNamespace(
        id=f"{kind}-{place}", kind=kind, lesion_id=f"lesion-{place}-{tiles}" if verdict else None, verdict=verdict,
        polygon={"type": "Polygon", "coordinates": [ring]}, author=author, undone=False,
        number=next(NUMBERS),
    )  # fmt: skip


JUDGED = [review("verdict", ACCEPTED, "accept"), review("verdict", REJECTED, "reject"), review("lesion", DRAWN)]
ONLY_REJECTED = JUDGED[1:2]


def tiles_of(*places: tuple[int, int]) -> Places:
    return {(column + right, row + down) for column, row in places for right in (0, 1) for down in (0, 1)}


EVERYWHERE = {(column, row) for column in range(COLUMNS) for row in range(ROWS)}
FOUND = tiles_of(ACCEPTED, DRAWN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Slides full of tissue: `case` and `new` to be reviewed, three with an annotated lesion at DRAWN."""
    pixels = np.random.default_rng(0).integers(0, 60, (ROWS * SIDE, COLUMNS * SIDE, 1)) + np.array([180, 90, 140])
    place = tmp_path / "slides"
    level = np.clip(pixels, 0, 255).astype(np.uint8)
    for name in ("case", *ANNOTATED, "new"):
        where = tmp_path / "new" if name == "new" else place
        where.mkdir(exist_ok=True)
        write_pyramid(where / f"{name}.tif", [level], width=COLUMNS * SIDE, height=ROWS * SIDE, mpp=Mpp(1.0, 1.0))
    for name in ANNOTATED:
        text = exported([review("lesion", DRAWN)], "xml").replace(' Reviewed="part"', "")  # drawn by hand, in ASAP
        (place / f"{name}.xml").write_text(text, encoding="utf-8")
    (place / "slides.csv").write_text(
        "slide,label,split\ncase,,train\nknown,,train\nother,,validation\nthird,,test\n", encoding="utf-8"
    )
    (tmp_path / "reviewed").mkdir()
    return place


def save(reviews: list[Any], kind: str, folder: Path, name: str = "case", *, whole: bool = False) -> None:
    """As a reviewer saves the export: under the slide's name, in a folder of reviews."""
    file = folder.parent / "reviewed" / f"{name}.{kind}"
    file.write_text(exported(reviews, kind, whole_slide=whole), encoding="utf-8")


def draw(folder: Path, out: str, *reviews: Path, per_slide: int = 4, ratio: float = 1, normal: bool = False) -> TileSet:
    config = TilesConfig(size_px=SIDE, mpp=1.0, margin_um=0, per_slide=per_slide, ratio=ratio)
    annotated = list_annotated_slides([folder], [folder, *reviews], normal=normal)
    return draw_into(folder.parent / out, annotated, config, Progress())[0]


def mine(tiles: TileSet, folder: Path, *names: str, **more: Any) -> Mined:
    """With a scan of each slide that took every place for tumour."""
    y0, x0 = (axis.ravel().astype(np.int64) * SIDE for axis in np.indices((ROWS, COLUMNS)))
    scores = np.full(len(x0), 0.9, np.float32)
    size = (COLUMNS * SIDE, ROWS * SIDE, SIDE, 1.0)
    scans = [PositiveTiles(name, *size, x0, y0, scores, 0.5, "b", "s", "key") for name in names]
    return mine_scans(tiles, scans, [folder, folder.parent / "reviewed"], **{"per_slide": 1000, **more})


def places(tiles: TileSet, label: str, name: str = "case") -> Places:
    table = tiles.table[(tiles.table["slide"] == name) & (tiles.table["label"] == label)]
    assert not table.duplicated(["x0", "y0"]).any()
    return {(x // SIDE, y // SIDE) for x, y in zip(table["x0"], table["y0"], strict=True)}


# ---- drawn by a review


@pytest.mark.parametrize("kind", ["geojson", "xml"])
def test_drawn_by_a_review_of_a_part_only_what_was_judged_gives_tiles(kind: str, folder: Path) -> None:
    save(JUDGED, kind, folder)
    tiles = draw(folder, "tiles", folder.parent / "reviewed", per_slide=1000)
    assert places(tiles, "tumour") == FOUND
    assert places(tiles, "normal") == (tiles_of(REJECTED) if kind == "geojson" else set())
    assert any("a part of the slide" in note for note in tiles.record.notes)


@pytest.mark.parametrize("kind", ["geojson", "xml"])
def test_drawn_by_a_review_of_the_whole_slide_the_rest_is_normal(kind: str, folder: Path) -> None:
    save(JUDGED, kind, folder, whole=True)
    tiles = draw(folder, "tiles", folder.parent / "reviewed", per_slide=1000)
    counts = next(slide.candidates for slide in tiles.record.slides if slide.name == "case")
    assert places(tiles, "tumour") == FOUND
    assert counts["normal"] == len(EVERYWHERE - FOUND)
    save([], kind, folder, whole=True)
    assert not places(draw(folder, "clean", folder.parent / "reviewed"), "tumour")


def test_an_annotation_and_a_review_go_together_and_two_reviews_do_not(folder: Path) -> None:
    save([review("verdict", DRAWN, "reject"), review("verdict", ACCEPTED, "accept")], "geojson", folder, "known")
    (folder / "slides.csv").write_text(
        "slide,label,split\ncase,0,train\nknown,,train\nother,,validation\nthird,,test\n"
    )
    tiles = draw(folder, "tiles", folder.parent / "reviewed", per_slide=1000)
    assert places(tiles, "tumour", "known") == tiles_of(ACCEPTED)
    other = folder.parent / "again"
    other.mkdir()
    (other / "known.geojson").write_text(exported(JUDGED, "geojson"))
    with pytest.raises(AnnotationError, match="are reviews of one slide"):
        draw(folder, "two", folder.parent / "reviewed", other)


# ---- tiles that were there before


def test_a_review_of_a_normal_slide_makes_its_tumour_positive_and_its_rejections_negative(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True, per_slide=60, ratio=20)
    before = places(tiles, "normal")
    assert before & FOUND, "without a tile that the review contradicts this shows nothing"
    save(JUDGED, "geojson", folder)
    mined = mine(tiles, folder, "case")
    assert places(mined.tiles, "tumour") == FOUND
    assert places(mined.tiles, "normal") == tiles_of(REJECTED)  # tumour was found: the rest is no longer known
    wrong = len(before & FOUND)
    assert mined.reviewed == {
        "case": Change(added=8 - wrong, relabelled=wrong, dropped=len(before - FOUND - tiles_of(REJECTED)))
    }
    assert mined.tiles.record.minings[-1].reviewed == 8 - wrong
    again = mine(mined.tiles, folder, "case")
    assert again.tiles is mined.tiles
    assert again.reviewed == {}


def test_of_the_whole_slide_the_rest_stays_normal(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True, per_slide=60, ratio=20)
    save(JUDGED, "geojson", folder, whole=True)
    mined = mine(tiles, folder, "case")
    assert places(mined.tiles, "tumour") == FOUND
    assert places(mined.tiles, "normal") == EVERYWHERE - FOUND
    assert mined.reviewed["case"].dropped == 0


def test_rejections_alone_leave_a_normal_slide_normal(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True)
    save(ONLY_REJECTED, "geojson", folder)
    mined = mine(tiles, folder, "case")
    assert places(mined.tiles, "normal") == EVERYWHERE
    assert mined.reviewed == {"case": Change()}


def test_a_later_review_goes_before_an_earlier_one(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True)
    save(JUDGED, "geojson", folder)
    once = mine(tiles, folder, "case").tiles
    turned = [review("verdict", ACCEPTED, "reject"), review("verdict", REJECTED, "accept")]
    save([*JUDGED, *turned], "geojson", folder)
    twice = mine(once, folder, "case").tiles
    assert places(twice, "tumour") == tiles_of(REJECTED, DRAWN)
    assert places(twice, "normal") == tiles_of(ACCEPTED)
    (folder.parent / "reviewed" / "case.geojson").unlink()
    with pytest.raises(DataError, match="labelled by its review"):
        mine(twice, folder, "case")


def test_a_review_amends_an_annotation(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True, per_slide=60, ratio=20)
    assert places(tiles, "tumour", "known") == tiles_of(DRAWN)
    save([review("verdict", DRAWN, "reject", tiles=1)], "geojson", folder, "known")
    mined = mine(tiles, folder, "known")
    assert places(mined.tiles, "tumour", "known") == tiles_of(DRAWN) - {DRAWN}
    assert places(mined.tiles, "normal", "known") == EVERYWHERE - tiles_of(DRAWN) | {DRAWN}


def test_slides_of_validation_and_test_are_corrected_and_get_nothing_new(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True, per_slide=60, ratio=20)
    save([review("verdict", DRAWN, "reject"), review("verdict", ACCEPTED, "accept")], "geojson", folder, "third")
    mined = mine(tiles, folder, "third")
    there = places(tiles, "normal", "third") | places(tiles, "tumour", "third")
    assert places(mined.tiles, "tumour", "third") == there & tiles_of(ACCEPTED)
    assert places(mined.tiles, "normal", "third") == there & tiles_of(DRAWN)
    assert mined.reviewed["third"].added == 0
    assert mined.skipped == {"third": "its tiles are for test"}


def test_a_slide_that_is_new_joins_the_training_part_by_its_review(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True)
    assert "--slides with its folder adds it" in mine(tiles, folder, "new").skipped["new"]
    slides = {"new": folder.parent / "new" / "new.tif"}
    assert mine(tiles, folder, "new", new=slides).skipped == {"new": "new to the tiles, and without a review"}
    save(JUDGED, "geojson", folder, "new")
    mined = mine(tiles, folder, "new", new=slides)
    assert places(mined.tiles, "tumour", "new") == FOUND
    assert places(mined.tiles, "normal", "new") == tiles_of(REJECTED)
    joined = next(slide for slide in mined.tiles.record.slides if slide.name == "new")
    assert (joined.split, joined.complete) == ("train", False)
    assert set(mined.tiles.table.loc[mined.tiles.table["slide"] == "new", "split"]) == {"train"}


def test_an_annotation_that_is_no_review_is_refused_where_it_is_new(folder: Path) -> None:
    tiles = draw(folder, "tiles", normal=True)
    text = exported(JUDGED, "xml").replace(' Reviewed="part"', "")
    (folder.parent / "reviewed" / "case.xml").write_text(text)
    with pytest.raises(DataError, match="draw the tiles again"):
        mine(tiles, folder, "case")


# ---- several reviewers


def test_where_reviewers_disagree_no_tile_is_drawn_and_none_stays(folder: Path) -> None:
    disputed = review("verdict", ACCEPTED, "reject", author="bob")
    save([*JUDGED, disputed], "geojson", folder)
    tiles = draw(folder, "tiles", folder.parent / "reviewed", per_slide=1000)
    assert places(tiles, "tumour") == tiles_of(DRAWN)
    assert places(tiles, "normal") == tiles_of(REJECTED)
    (folder.parent / "reviewed" / "case.geojson").unlink()
    before = draw(folder, "before", normal=True, per_slide=1000, ratio=100)
    assert places(before, "normal") & tiles_of(ACCEPTED), "without such a tile this shows nothing"
    save([*ONLY_REJECTED, review("verdict", ACCEPTED, "accept"), disputed], "geojson", folder)
    mined = mine(before, folder, "case")
    assert not places(mined.tiles, "normal") & tiles_of(ACCEPTED)
    assert not places(mined.tiles, "tumour")


def test_an_adjudication_is_what_is_learnt(folder: Path) -> None:
    said = [*JUDGED, review("verdict", ACCEPTED, "reject", author="bob")]
    with pytest.raises(Problem, match="reviewers disagree on 1 of 3 places"):
        save(said, "geojson", folder, whole=True)
    decided = review("adjudication", ACCEPTED, "accept", author="eve")
    for kind in ("geojson", "xml"):
        save([*said, decided], kind, folder, whole=True)
        tiles = draw(folder, kind, folder.parent / "reviewed", per_slide=1000)
        assert places(tiles, "tumour") == FOUND
        (folder.parent / "reviewed" / f"case.{kind}").unlink()


# ---- the export


def test_of_reviews_that_contradict_each_other_the_later_counts_where_they_overlap(tmp_path: Path) -> None:
    wide, narrow = review("verdict", (2, 2), "accept", tiles=4), review("verdict", (3, 3), "reject", tiles=2)
    (tmp_path / "a.geojson").write_text(exported([wide, narrow], "geojson"))
    found = read_annotations(tmp_path / "a.geojson")
    assert found.tumour.area == (4 * 4 - 2 * 2) * SIDE**2
    (tmp_path / "b.geojson").write_text(exported([narrow, wide], "geojson"))
    assert read_annotations(tmp_path / "b.geojson").counts == {"tumour": 1}


def test_an_export_says_how_much_was_reviewed(tmp_path: Path) -> None:
    for kind in ("geojson", "xml"):
        file = tmp_path / f"case.{kind}"
        file.write_text(exported(JUDGED, kind))
        assert read_annotations(file).reviewed == "part"
        file.write_text(exported(JUDGED, kind, whole_slide=True))
        assert read_annotations(file).reviewed == "whole"
        file.write_text(file.read_text().replace("whole", "half"))
        with pytest.raises(AnnotationError, match="write part or whole"):
            read_annotations(file)
    (tmp_path / "case.geojson").write_text(exported(JUDGED, "geojson").replace('"reviewed": "part", ', ""))
    assert read_annotations(tmp_path / "case.geojson").reviewed == "part"  # saved again by another program
    with pytest.raises(Problem, match="whole_slide=true"):
        exported([], "xml")


@pytest.mark.parametrize("kind", ["geojson", "xml"])
def test_an_export_counts_as_the_program_that_it_is_for(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"case.{kind}"
    file.write_text(exported(JUDGED, kind, origin=(1000, 2000)))
    left, top, *_ = read_annotations(file).tumour.bounds
    offset = (0, 0) if kind == "geojson" else (1000, 2000)
    plain = tmp_path / f"plain.{kind}"
    plain.write_text(exported(JUDGED, kind))
    assert (left, top) == tuple(np.add(read_annotations(plain).tumour.bounds[:2], offset))
    extent = SlideExtent("case", 1200, 1200, 1000, 2000)
    assert placed(read_annotations(file), extent).tumour.equals(read_annotations(plain).tumour)
