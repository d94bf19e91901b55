"""Simple lines enclose what regions with holes do, and as many of them as there are gaps."""

import numpy as np
import pytest
import shapely

from sentinode.slides.annotations import flat_regions
from sentinode.slides.annotations.flat_regions import flatten, without_holes
from sentinode.slides.annotations.regions import EXCLUSION, TUMOUR, Region


def circle(radius, corners=60):
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return shapely.Polygon(5000 + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def enclosed(flat):
    lines = {kind: [shapely.Polygon(one.ring) for one in flat if one.kind == kind] for kind in (TUMOUR, EXCLUSION)}
    return shapely.difference(shapely.union_all(lines[TUMOUR]), shapely.union_all(lines[EXCLUSION]))


def random_regions(seed):
    """Up to five regions on a grid, each perhaps with holes and of several parts."""
    chance = np.random.default_rng(seed)

    def box(least, most):
        left, top = chance.integers(0, 30 - least, 2)
        width, height = chance.integers(least, most, 2)
        return shapely.box(left, top, left + width, top + height)

    found = []
    for number in range(1 + chance.integers(5)):
        polygon = shapely.union_all([box(8, 25), box(2, 9)])
        for _ in range(6):
            polygon = shapely.difference(polygon, box(1, 5))
        if not polygon.is_empty:
            found.append(Region(polygon, TUMOUR, f"r{number}"))
    return found


@pytest.mark.parametrize("first", [0, 100])
def test_the_lines_enclose_what_the_regions_do(first):
    exclusions = 0
    for seed in range(first, first + 100):
        regions = random_regions(seed)
        flat = flatten(regions)
        expected = shapely.union_all([region.polygon for region in regions])
        assert shapely.symmetric_difference(enclosed(flat), expected).area < 1e-6, seed
        # A gap whose rim has no corner of a region, as between four that cross, has no name.
        assert {one.name for one in flat} <= {"", *(region.name for region in regions)}
        own = [shapely.Polygon(one.ring) for one in flat if one.kind == EXCLUSION]
        assert shapely.union_all(own).area == pytest.approx(sum(one.area for one in own))  # each gap once
        exclusions += len(own)
    assert exclusions > 30


def test_rings_in_rings_give_each_gap_once_and_by_one_look_at_all(monkeypatch):
    called = []
    plain = shapely.difference
    monkeypatch.setattr(flat_regions.shapely, "difference", lambda *given: called.append(1) or plain(*given))
    rings = [
        Region(plain(circle(4000 - 20 * number), circle(3990 - 20 * number)), TUMOUR, f"ring {number}")
        for number in range(100)
    ]
    flat = flatten(rings)
    assert len(called) == 1
    assert shapely.symmetric_difference(enclosed(flat), shapely.union_all([one.polygon for one in rings])).area < 1e-3
    # The gap between two rings is one with a hole, so it is cut in two; the middle is whole. Each has the outer's name.
    names = [one.name for one in flat if one.kind == EXCLUSION]
    assert names == [f"ring {number}" for number in range(99) for _ in range(2)] + ["ring 99"]


def test_what_several_regions_enclose_together_needs_no_exclusion():
    left = shapely.difference(shapely.box(0, 0, 10, 30), shapely.box(5, 10, 10, 20))
    right = shapely.difference(shapely.box(10, 0, 20, 30), shapely.box(10, 10, 15, 20))
    flat = flatten([Region(left, TUMOUR, "left"), Region(right, TUMOUR, "right")])
    assert [one.kind for one in flat] == [TUMOUR] * 2
    assert enclosed(flat).area == 600 - 100


def test_many_holes_are_cut_through_at_the_cost_of_a_few_levels(monkeypatch):
    cut = []
    plain = shapely.intersection
    monkeypatch.setattr(flat_regions.shapely, "intersection", lambda *given: cut.append(given[0]) or plain(*given))
    holes = [shapely.box(10 * number, 3, 10 * number + 5, 6).exterior for number in range(1, 400)]
    polygon = shapely.Polygon(shapely.box(0, 0, 5000, 9).exterior, holes)
    pieces = without_holes(polygon)
    assert all(not piece.interiors for piece in pieces)
    assert sum(piece.area for piece in pieces) == pytest.approx(polygon.area)
    corners = int(shapely.get_num_coordinates(np.array(cut, object)).sum())
    assert corners < 2 * 12 * shapely.get_num_coordinates(polygon)  # cut from one end to the other: 200 times


def test_a_hole_thinner_than_numbers_are_apart_is_no_endless_work():
    thin = shapely.Polygon([(1e5, 1), (np.nextafter(1e5, 2e5), 1), (np.nextafter(1e5, 2e5), 9), (1e5, 9)])
    polygon = shapely.Polygon(shapely.box(99_990, 0, 100_010, 10).exterior, [thin.exterior])
    assert [piece.area for piece in without_holes(polygon)] == [200]
