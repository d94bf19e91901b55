"""Lesions measured against grids worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.metrics.stages import size_class
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.lesions import OutlinedLesion, find_lesions, longest_um, smoothed
from sentinode.scanning.scan_record import LesionRule
from sentinode.slides.mpp import Mpp

CELL_UM = 100.0
ACROSS, DOWN = 200.0, 400.0  # level-0 pixels of a cell: 0.5 × 0.25 µm/px


def lesions_of(picture: str, threshold: float = 0.5, rule: LesionRule | None = None) -> list[OutlinedLesion]:
    """Of a picture in which a digit is a score in tenths, X is 0.9995 and a dot what was not scanned.

    Without a rule every cell from the threshold on counts.
    """
    rule = rule or LesionRule(outline=threshold, dense=threshold, peak=threshold, alone=threshold, smoothing_um=0)
    lines = picture.split()
    values = np.array(
        [[{".": math.nan, "X": 0.9995}.get(cell) or int(cell) / 10 for cell in line] for line in lines], np.float32
    )
    heatmap = Heatmap(values, Mpp(CELL_UM, CELL_UM), ACROSS, DOWN)
    return find_lesions(heatmap, rule, int(values.shape[1] * ACROSS), int(values.shape[0] * DOWN))


def test_two_lesions_by_falling_score() -> None:
    first, second = lesions_of("""
        0770000
        0000000
        0000000
        0000098
        .......""")
    assert (first.lesion.rank, second.lesion.rank) == (1, 2)
    assert first.lesion.score_max == pytest.approx(0.9)
    assert first.lesion.score_mean == pytest.approx(0.85)
    assert first.lesion.area_mm2 == pytest.approx(2 * 0.01)
    assert first.lesion.diameter_um == pytest.approx(200)
    assert first.lesion.size_class == "ITC"
    assert first.outline.bounds == (5 * ACROSS, 3 * DOWN, 7 * ACROSS, 4 * DOWN)
    assert (first.lesion.centroid_x, first.lesion.centroid_y) == pytest.approx((6 * ACROSS, 3.5 * DOWN))
    assert second.lesion.cells == 2


def test_corners_touch_and_gaps_of_one_cell_are_closed() -> None:
    (diagonal,) = lesions_of("""
        90000
        09000
        00000
        00000""")
    assert diagonal.lesion.diameter_um == pytest.approx(100 * (math.sqrt(2) + 1))
    (bridged,) = lesions_of("""
        00000
        909.9
        00000""")
    assert bridged.lesion.cells == 5
    assert bridged.lesion.score_mean == pytest.approx(0.9)  # of the positive cells only
    assert len(lesions_of("90090 00000")) == 2


def test_a_hole_is_left_open() -> None:
    (ring,) = lesions_of("""
        99999
        90009
        90009
        90009
        99999""")
    assert ring.lesion.area_mm2 == pytest.approx(16 * 0.01)
    assert len(ring.outline.interiors) == 1


def test_nothing_above_the_threshold() -> None:
    assert lesions_of("444 4.4") == []
    assert len(lesions_of("444 4.4", threshold=0.4)) == 1


@pytest.mark.parametrize(
    ("um", "name"), [(93, "ITC"), (200, "ITC"), (200.1, "micro"), (2000, "micro"), (2000.1, "macro")]
)
def test_size_classes(um: float, name: str) -> None:
    assert size_class(um) == name


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=40, unique=True))
def test_the_longest_diameter_is_that_of_all_pairs(cells: list[tuple[int, int]]) -> None:
    points = np.array(cells)
    pairs = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert longest_um(points[:, 0], points[:, 1], 10.0) == pytest.approx(10 * (pairs.max() + 1))


def test_single_false_alarms_neither_count_nor_join() -> None:
    assert lesions_of("""
        0000000000
        0900907090
        0090000900
        0000900000
        0900009009""", rule=LesionRule()) == []  # fmt: skip


def test_a_sure_cell_alone_survives_with_its_own_size() -> None:
    (single,) = lesions_of("""
        0000000
        0000000
        000X000
        0000000
        0009000""", rule=LesionRule())  # fmt: skip
    assert (single.lesion.cells, single.lesion.size_class) == (1, "ITC")
    assert single.lesion.score_max == pytest.approx(0.9995)


def test_cells_that_agree_are_a_lesion_whatever_gaps_it_has() -> None:
    (lesion,) = lesions_of("""
        0000000000
        0099999000
        0092899000
        0098909000
        0000000000
        0000000900""", rule=LesionRule())  # fmt: skip
    assert 500 <= lesion.lesion.diameter_um <= 100 * (math.hypot(4, 2) + 1)  # corners are smoothed away
    assert 11 <= lesion.lesion.cells <= 15
    assert not lesion.outline.interiors
    assert lesions_of("8888 8888 8888", rule=LesionRule()) == []  # nowhere sure: no cell reaches the peak


def test_smoothing_looks_at_scanned_cells_only() -> None:
    values = np.full((5, 7), np.nan, np.float32)
    values[:, :3] = 0.9
    around = smoothed(Heatmap(values, Mpp(CELL_UM, CELL_UM), ACROSS, DOWN), 80.0)
    np.testing.assert_allclose(around[:, :3], 0.9, rtol=1e-6)
    assert (around[:, 3:] == 0).all()


def test_smoothing_is_in_micrometres() -> None:
    """A point of light spreads as far in µm on cells of half the size."""
    coarse, fine = np.zeros((11, 11), np.float32), np.zeros((23, 23), np.float32)
    coarse[5, 5], fine[11, 11] = 1.0, 1.0
    wide = smoothed(Heatmap(coarse, Mpp(100.0, 100.0), 1, 1), 150.0)
    narrow = smoothed(Heatmap(fine, Mpp(50.0, 50.0), 1, 1), 150.0)
    assert narrow[11, 15] / narrow[11, 11] == pytest.approx(wide[5, 7] / wide[5, 5], rel=0.02)
