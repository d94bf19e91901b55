"""Lines that cross themselves keep what they wind around, and cost no more than a bound."""

import time

import numpy as np
import pytest
import shapely

from sentinode.slides.annotations.repair import repaired
from sentinode.slides.annotations.tangle import TooTangledError

TURNS = np.arange(5) * 4 * np.pi / 5
PENTAGRAM = np.c_[np.cos(TURNS), np.sin(TURNS)] * 1000
GOLDEN = (1 + 5**0.5) / 2


def lasso(overlap: float, points: int = 500) -> np.ndarray:
    """A wavering circle whose end overlaps its start by a part of the turn."""
    turn = np.linspace(0, 2 * np.pi * (1 + overlap), points)
    radius = 1000 * (1 + 0.05 * np.sin(2.5 * turn))
    return np.c_[3000 + radius * np.cos(turn), 3000 + radius * np.sin(turn)]


def winding(ring: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N,) how often a closed line winds around each place: half turns of the rays to its corners, summed up."""
    rays = ring[None] - places[:, None]
    angles = np.unwrap(np.arctan2(rays[..., 1], rays[..., 0]), axis=1)
    last = np.arctan2(rays[:, 0, 1], rays[:, 0, 0]) - np.arctan2(rays[:, -1, 1], rays[:, -1, 0])
    closing = (last + np.pi) % (2 * np.pi) - np.pi
    return np.rint((angles[:, -1] - angles[:, 0] + closing) / (2 * np.pi)).astype(int)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_line_winds_around_is_inside_and_nothing_else(seed: int) -> None:
    generator = np.random.default_rng(seed)
    ring, places = generator.random((25, 2)), generator.random((2000, 2))
    found = repaired(shapely.Polygon(ring))
    assert shapely.is_valid(found)
    turns = winding(ring, places)
    assert {-1, 0, 1} <= set(turns.tolist())
    assert np.array_equal(shapely.contains_xy(found, *places.T), turns != 0)


def test_a_pentagram_is_its_whole_star() -> None:
    corners = np.r_[PENTAGRAM, -PENTAGRAM / GOLDEN**2]  # the tips, and the corners between them
    around = np.argsort(np.arctan2(corners[:, 1], corners[:, 0]))
    found = repaired(shapely.Polygon(PENTAGRAM))
    assert found.area == pytest.approx(shapely.Polygon(corners[around]).area)
    assert shapely.contains_xy(found, 0, 0)


@pytest.mark.parametrize("overlap", [0.02, 0.2, 0.9])
def test_a_lasso_whose_end_overlaps_its_start_loses_nothing(overlap: float) -> None:
    ring = lasso(overlap)
    once = shapely.Polygon(ring[: int(len(ring) / (1 + overlap))])
    found = repaired(shapely.Polygon(ring))
    assert shapely.area(shapely.difference(shapely.make_valid(once), found)) < 0.01 * once.area
    assert found.area >= 0.99 * once.area


def test_holes_stay_holes_and_a_valid_polygon_is_left_as_it_is() -> None:
    holed = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(3, 3), (6, 3), (6, 6), (3, 6)]])
    assert repaired(holed) is holed
    two = shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)])
    assert repaired(two).area == 7


@pytest.mark.parametrize("ring", [[(0, 0), (1, 1), (2, 2)], [(0, 0), (5, 0), (0, 0), (5, 0)]])
def test_a_line_that_encloses_nothing_is_nothing(ring: list[tuple[int, int]]) -> None:
    assert repaired(shapely.Polygon(ring)) is None


COUNT = 20_000
ACROSS = np.where(np.arange(COUNT) % 2, 0, 4000)
TANGLES = {
    "random": shapely.Polygon(np.random.default_rng(0).random((COUNT, 2)) * 4000),
    "500 random": shapely.Polygon(np.random.default_rng(0).random((500, 2)) * 4000),
    "to and fro": shapely.Polygon(np.c_[ACROSS, np.arange(COUNT) * 0.1 + ACROSS]),
    "one ring many times": shapely.MultiPolygon([shapely.box(0, 0, 1, 1)] * 5000),
    "one hole many times": shapely.Polygon([(0, 0), (9, 0), (0, 9)], [[(1, 1), (2, 1), (1, 2)]] * 6000),
}


@pytest.mark.parametrize("name", TANGLES)
def test_a_tangle_is_refused_before_it_costs_anything(name: str) -> None:
    start = time.process_time()
    with pytest.raises(TooTangledError, match="draw it simpler"):
        repaired(TANGLES[name])
    assert time.process_time() - start < 5, "the bound on work is gone: without it this takes minutes"


def test_a_long_outline_that_was_drawn_is_no_tangle() -> None:
    found = repaired(shapely.Polygon(lasso(0.2, 300_000)))
    assert found.area > np.pi * 950**2
