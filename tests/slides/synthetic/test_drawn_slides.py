"""Drawn slides: the same again from a seed, no seams between bands, annotations that are where the tumour is."""

import csv
from pathlib import Path

import numpy as np
import pytest

from sentinode.core.errors import StorageError
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.raster import rasterise
from sentinode.slides.annotations.regions import TUMOUR, Annotations, Region
from sentinode.slides.slide import open_slide
from sentinode.slides.synthetic.drawn_slides import SCALE, draw_slides, outlines
from sentinode.slides.synthetic.node import Anatomy, field_at, field_rows
from sentinode.slides.synthetic.painter import Painter
from sentinode.slides.synthetic.scanner_stains import Stains
from sentinode.slides.tissue.tissue_mask import tissue_mask

WIDTH, HEIGHT = 1531, 1101


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drawn") / "slides"
    draw_slides(out, slides=2, width=WIDTH, height=HEIGHT, seed=5)
    return out


def anatomy(*, tumour: bool = True) -> Anatomy:
    return Anatomy.draw(np.random.default_rng(7), 640, 480, tumour=tumour, extras=0)


def test_slides_have_their_size_scale_truth_and_tissue(made: Path) -> None:
    with (made / "slides.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [(row["slide"], row["label"]) for row in table] == [("normal_000.tif", "0"), ("tumour_001.tif", "1")]
    assert not (made / "normal_000.xml").exists()
    annotations = read_annotations(made / "tumour_001.xml")
    assert len(annotations.regions) == int(table[1]["lesions"]) > 0
    with open_slide(made / "tumour_001.tif", reader="openslide") as slide:
        assert (slide.width, slide.height) == (WIDTH, HEIGHT)
        assert slide.mpp.x == pytest.approx(0.486, rel=1e-6)
        annotations.check_within(slide.width, slide.height)
    with open_slide(made / "normal_000.tif") as slide:
        assert 0.15 < tissue_mask(slide).mask.mean() < 0.9


def test_a_seed_gives_the_same_slide_again(made: Path, tmp_path: Path) -> None:
    draw_slides(tmp_path / "again", slides=1, width=WIDTH, height=HEIGHT, seed=5)
    assert (tmp_path / "again" / "normal_000.tif").read_bytes() == (made / "normal_000.tif").read_bytes()
    with pytest.raises(StorageError, match="choose another"):
        draw_slides(made, slides=1, width=WIDTH, height=HEIGHT)


def test_bands_fit_together_whatever_their_height() -> None:
    painter = Painter(anatomy(), Stains.draw(np.random.default_rng(1)), 640, [1, 2])
    whole = painter.rows(100, 260)
    parts = np.concatenate([painter.rows(100, 161), painter.rows(161, 260)])
    np.testing.assert_array_equal(whole, parts)


def test_the_outline_is_where_the_tumour_field_is_zero() -> None:
    field = anatomy().tumour
    assert (field > 0).any()
    regions = tuple(Region(shape, TUMOUR) for shape in outlines(field, 640 * SCALE, 480 * SCALE))
    size = {"width": 640, "height": 480, "downsample_x": SCALE, "downsample_y": SCALE}
    mask = rasterise(Annotations(regions), **size)  # type: ignore[arg-type]
    rows, columns = np.mgrid[:480, :640] + 0.5
    values = field_at(field, rows.ravel(), columns.ravel()).reshape(mask.shape)
    assert (mask != (values > 0)).mean() < 0.002
    assert (
        abs(
            field_rows(field, 0, 480, 640) - field_at(field, *np.mgrid[:480, :640].reshape(2, -1)).reshape(480, 640)
        ).max()
        < 0.01
    )


def test_a_normal_slide_has_no_tumour() -> None:
    assert outlines(anatomy(tumour=False).tumour, 1280, 960) == []
