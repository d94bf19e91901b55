"""Composed slides: what is where, read back through the slide's own files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sentinode.core.errors import DataError, StorageError
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.raster import rasterise
from sentinode.slides.composition import SCALE, Patches, compose_slides, outlines, pieces
from sentinode.slides.enlargement import enlarge
from sentinode.slides.slide import open_slide

SIDE, COLUMNS, ROWS = 24, 19, 13


def drawn(count: int = 12, side: int = SIDE) -> Patches:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:side, :side]
    pixels = [
        np.stack([140 + 40 * np.sin((x + n) / 5), 90 + 30 * np.cos(y / 7 + n), 150 + 0 * x], -1).astype(np.uint8)
        + rng.integers(0, 6, (side, side, 1), dtype=np.uint8)
        for n in range(count)
    ]
    return Patches([f"p{n}.png" for n in range(count)], np.arange(count) % 3 == 0, pixels.__getitem__)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("composed") / "slides"
    known = compose_slides(drawn(), out, slides=4, columns=COLUMNS, rows=ROWS, mpp=0.972, seed=3)
    assert [slide.name for slide in known] == ["normal_000", "tumour_001", "normal_002", "tumour_003"]
    return out


def test_level_two_shows_each_patch_as_it_was(made: Path) -> None:
    patches = drawn()
    with open_slide(made / "tumour_001.tif") as slide:
        assert (slide.width, slide.height) == (COLUMNS * SIDE * SCALE, ROWS * SIDE * SCALE)
        assert slide.mpp.x == pytest.approx(0.243, rel=1e-6)
        cells = rows_of(made / "tumour_001.csv")
        assert len(cells) > 20
        for cell in cells:
            place = [int(cell[key]) * SIDE for key in ("column", "row")]
            found = slide.reader.read(2, place[0], place[1], SIDE, SIDE).astype(int)
            assert abs(found - patches.read(patches.names.index(cell["patch"]))).mean() < 4


def test_the_annotation_covers_the_tumour_cells_and_no_others(made: Path) -> None:
    table = rows_of(made / "slides.csv")
    assert [row["label"] for row in table] == ["0", "1", "0", "1"]
    for row in table:
        name = row["slide"].removesuffix(".tif")
        cells = rows_of(made / f"{name}.csv")
        assert (made / f"{name}.xml").exists() == any(cell["label"] == "1" for cell in cells) == (row["label"] == "1")
        if row["label"] == "0":
            continue
        annotations = read_annotations(made / f"{name}.xml")
        assert len(annotations.regions) == int(row["lesions"])
        size = {"width": COLUMNS, "height": ROWS, "downsample_x": SIDE * SCALE, "downsample_y": SIDE * SCALE}
        truth: NDArray[np.bool_] = rasterise(annotations, **size)  # type: ignore[arg-type]
        expected = {(int(cell["row"]), int(cell["column"])) for cell in cells if cell["label"] == "1"}
        assert {tuple(place) for place in np.argwhere(truth).tolist()} == expected


def test_a_seed_gives_the_same_slides_again(made: Path, tmp_path: Path) -> None:
    compose_slides(drawn(), tmp_path / "again", slides=2, columns=COLUMNS, rows=ROWS, mpp=0.972, seed=3)
    for name in ("normal_000.tif", "normal_000.csv", "tumour_001.tif", "tumour_001.xml"):
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes()


def test_at_scale_one_level_zero_shows_each_patch_as_it_was(tmp_path: Path) -> None:
    patches = drawn()
    compose_slides(patches, tmp_path / "x", slides=2, columns=COLUMNS, rows=ROWS, mpp=0.972, scale=1, seed=3)
    with open_slide(tmp_path / "x" / "tumour_001.tif") as slide:
        assert (slide.width, slide.height, slide.mpp.x) == (COLUMNS * SIDE, ROWS * SIDE, pytest.approx(0.972, rel=1e-6))
        for cell in rows_of(tmp_path / "x" / "tumour_001.csv"):
            found = slide.reader.read(0, int(cell["column"]) * SIDE, int(cell["row"]) * SIDE, SIDE, SIDE).astype(int)
            assert abs(found - patches.read(patches.names.index(cell["patch"]))).mean() < 4


def test_lesions_are_as_many_as_asked_and_the_largest_is_measured(tmp_path: Path) -> None:
    wanted = {"slides": 8, "columns": COLUMNS, "rows": ROWS, "mpp": 1.0, "lesions": (1, 1), "lesion_cells": (2, 2)}
    compose_slides(drawn(), tmp_path / "x", scale=1, **wanted)  # type: ignore[arg-type]
    table = rows_of(tmp_path / "x" / "slides.csv")
    assert [row["lesions"] for row in table] == ["0", "1"] * 4
    # Two cells of 24 µm, side by side or corner to corner: the diagonal of their hull.
    side, corner = np.hypot(24, 48), np.hypot(48, 48)
    assert [row["largest_um"] for row in table[::2]] == ["0.0"] * 4
    assert {row["largest_um"] for row in table[1::2]} <= {f"{side:.1f}", f"{corner:.1f}"}


def test_what_can_not_be_composed_is_refused_and_leaves_nothing(tmp_path: Path, made: Path) -> None:
    size = {"slides": 2, "columns": 9, "rows": 7, "mpp": 1.0}
    one_class = Patches(["a"], np.array([True]), drawn().read)
    with pytest.raises(DataError, match="no normal patches"):
        compose_slides(one_class, tmp_path / "x", **size)  # type: ignore[arg-type]
    uneven = Patches(drawn().names, drawn().tumour, lambda n: drawn(side=24 + (n > 1)).read(n))
    with pytest.raises(DataError, match="square patches of one size"):
        compose_slides(uneven, tmp_path / "x", **size)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="choose another"):
        compose_slides(drawn(), made, **size)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_pieces_do_not_touch() -> None:
    found = pieces(np.random.default_rng(0), 31, 47, 6, 4.0)
    assert found.max() >= 4
    for dy, dx in ((0, 1), (1, 0), (1, 1)):
        a, b = found[: 31 - dy, : 47 - dx], found[dy:, dx:]
        assert not ((a != b) & (a > 0) & (b > 0)).any()


def test_an_outline_with_a_hole_keeps_it() -> None:
    lesion = np.ones((3, 3), np.int32)
    lesion[1, 1] = 0
    (outline,) = outlines(lesion, 10)
    assert outline.area == 800


def test_block_means_of_the_enlarged_are_the_original() -> None:
    pixels = np.random.default_rng(1).integers(40, 210, (11, 17, 3), dtype=np.uint8)
    large = enlarge(pixels, 4)
    means = large.reshape(11, 4, 17, 4, 3).mean(axis=(1, 3))
    assert np.abs(means - pixels).max() <= 0.5
