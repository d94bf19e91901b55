"""Labels by exact areas, on places counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.core.errors import AnnotationError
from sentinode.data.tiles.tile_labels import BETWEEN, EXCLUDED, NEAR, UNSURE, label_tiles
from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.slides.annotations.regions import EXCLUSION, TUMOUR, Annotations, Region, shapely
from sentinode.slides.mpp import Mpp

MPP = Mpp(0.5, 0.25)  # a level-0 pixel is twice as wide as high


def box(left, top, right, bottom, kind=TUMOUR, group="Tumor"):
    return Region(shapely.box(left, top, right, bottom), kind, "", group)


def labels(places, regions, *, complete=True, **config):
    x0, y0 = np.array(places, np.int64).T
    parsed = TilesConfig.model_validate({"size_px": 100, "mpp": 1.0, **config})
    return label_tiles(x0, y0, MPP, Annotations(tuple(regions)), parsed, complete=complete)


# A tile of 100 px at 1 µm/px is 200 level-0 pixels wide and 400 high. The tumour: x 200 to 300 µm, y 100 to 200 µm.
LESION = box(400, 400, 600, 800)


def test_the_area_rule_by_hand():
    # Left edges at 200, 250, 251, 280, 299, 310 and 400 µm, top at 100 µm: 100, 50, 49, 20, 1, 0, 0 % are tumour.
    found = labels([(2 * x, 400) for x in (200, 250, 251, 280, 299, 310, 400)], [LESION])
    assert found.fraction.tolist() == pytest.approx([1, 0.5, 0.49, 0.2, 0.01, 0, 0], abs=1e-6)
    assert found.tumour.tolist() == [True, True, False, False, False, False, False]
    assert found.normal.tolist() == [False] * 6 + [True]
    assert found.left_out.tolist() == ["", "", BETWEEN, BETWEEN, BETWEEN, NEAR, ""]


def test_the_margin_is_a_distance_in_um():
    places = [(2 * 349, 400), (2 * 351, 400), (400, 4 * 249), (400, 4 * 251)]
    assert labels(places, [LESION]).normal.tolist() == [False, True, False, True]
    assert labels(places, [LESION], margin_um=0).normal.all()


def test_the_centre_rule_is_patchcamelyons():
    # 96 px with the central 32: it begins 32 µm within the tile. Tiles at 299 − 64, 300 − 64 and 301 − 64 µm reach …
    rule = {"size_px": 96, "rule": "centre"}
    # … the tumour's left edge at 200 µm with the right edge of their centre at x0 + 64.
    found = labels([(2 * (137 + d), 400) for d in (-1, 0, 1)], [LESION], **rule)
    assert found.tumour.tolist() == [False, True, True]
    assert found.normal.tolist() == [True, False, False]
    whole = labels([(2 * 137 - 2, 400)], [LESION], size_px=96, rule="centre", centre_px=96)
    assert whole.tumour.all()


def test_excluded_regions_give_no_normal_tile_and_holes_are_no_tumour():
    hole, lone = box(400, 400, 600, 800, EXCLUSION, "_2"), box(2000, 400, 2200, 800, EXCLUSION, "_2")
    found = labels([(400, 400), (2000, 400), (4000, 400)], [box(0, 0, 1000, 1200), hole, lone])
    assert found.fraction.tolist() == [0, 0, 0]
    assert found.left_out.tolist() == [EXCLUDED, EXCLUDED, ""]


def test_a_slide_annotated_in_part_gives_tumour_only():
    found = labels([(400, 400), (4000, 400)], [LESION], complete=False)
    assert found.tumour.tolist() == [True, False]
    assert not found.normal.any()
    assert found.left_out.tolist() == ["", UNSURE]
    assert found.counts() == {UNSURE: 1}


def test_regions_without_the_name_of_tumour_are_an_error_and_no_regions_are_a_normal_slide():
    with pytest.raises(AnnotationError, match=r"the classes are: Metastasis \(IHC\).*--tumour-name"):
        labels([(0, 0)], [box(0, 0, 9, 9, "Metastasis (IHC)", "Metastasis (IHC)")])
    assert labels([(0, 0)], []).normal.all()


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=1, max_size=20))
def test_every_tile_is_tumour_normal_or_left_out_with_a_reason_and_pieces_add_up(places):
    halves = [box(400, 400, 500, 800), box(500, 400, 600, 800), box(100, 100, 140, 130)]
    found = labels(places, halves)
    one = (found.tumour.astype(int) + found.normal + (found.left_out != "")).tolist()
    assert one == [1] * len(places)
    x0, y0 = np.array(places, float).T
    across = np.clip(np.minimum(x0 + 200, 600) - np.maximum(x0, 400), 0, None)
    down = np.clip(np.minimum(y0 + 400, 800) - np.maximum(y0, 400), 0, None)
    lone = np.clip(np.minimum(x0 + 200, 140) - np.maximum(x0, 100), 0, None) * np.clip(
        np.minimum(y0 + 400, 130) - np.maximum(y0, 100), 0, None
    )
    assert found.fraction == pytest.approx((across * down + lone) / 80_000, abs=1e-5)
