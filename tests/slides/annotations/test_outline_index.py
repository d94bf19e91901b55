"""Outlines that come and go have the tangle of all that are there, worked out from what each meets."""

import numpy as np
import pytest
import shapely

from sentinode.slides.annotations import outline_index, tangle
from sentinode.slides.annotations.outline_index import OutlineIndex
from sentinode.slides.annotations.tangle import TooTangledError, tangle_of


def star(chance):
    """An outline of 5 to 40 corners somewhere on 100 × 60, perhaps with a hole."""
    angles = np.linspace(0, 2 * np.pi, chance.integers(5, 40), endpoint=False)
    radii = chance.uniform(8, 20, len(angles))
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
    place = chance.uniform((0, 0), (100, 60))
    return shapely.Polygon(ring + place, [ring[::-1] / 2 + place] if chance.integers(2) else None)


@pytest.mark.parametrize("first", [0, 12])
def test_the_tangle_is_that_of_all_that_are_there(first):
    chance = np.random.default_rng(first)
    there = [star(chance) for _ in range(first)]
    index = OutlineIndex(there)
    for _ in range(120):
        if there and chance.integers(3) == 0:
            index.remove(there.pop(chance.integers(len(there))))
        else:
            new = star(chance)
            assert index.tangle + index.added(new) == tangle_of([*there, new])
            index.add(new)
            there.append(new)
        assert index.tangle == tangle_of(there)
    assert index.tangle.crossings > 100


def test_what_would_be_too_tangled_is_refused_and_not_taken():
    index = OutlineIndex([shapely.box(0, 0, 50, 4)], most_crossings=7)
    index.add(shapely.box(5, -1, 10, 8))
    with pytest.raises(TooTangledError, match="7 times"):
        index.add(shapely.box(15, -1, 20, 8))
    assert index.tangle.crossings == 4
    index.remove(shapely.box(5, -1, 10, 8))
    index.add(shapely.box(15, -1, 20, 8))


def test_only_outlines_that_it_meets_are_looked_at(monkeypatch):
    index, met, counted = OutlineIndex(), set(), outline_index.crossings
    for place in range(30):
        index.add(shapely.box(20 * place, 0, 20 * place + 10, 9))

    def counting(some, one, others, other):
        met.update(others.owners[other].tolist())
        return counted(some, one, others, other)

    monkeypatch.setattr(outline_index, "crossings", counting)
    assert index.added(shapely.box(25, 3, 47, 6)).crossings == 4
    assert met == {1, 2}


def test_outlines_that_lie_in_one_another_are_refused_before_it_costs_much_to_compare_them(monkeypatch):
    monkeypatch.setattr(tangle, "_MOST_OVERLAPS", 100)
    boxes = [shapely.box(0, 0, side, side) for side in (40, 30, 20, 10)]  # 5 corners, 4 + 3 + 2 + 1 pairs
    index = OutlineIndex(boxes)
    assert index.tangle.overlaps == 60
    apart = shapely.box(90, 90, 95, 95)
    index.add(apart)
    assert index.tangle.overlaps == 60
    index.add(boxes[0].buffer(-1, join_style="mitre"))
    assert index.tangle.overlaps == 100
    with pytest.raises(TooTangledError, match="lie in one another"):
        index.add(shapely.box(1, 1, 3, 3))
    with pytest.raises(TooTangledError, match="lie in one another"):
        tangle_of([*boxes, shapely.box(1, 1, 3, 3), shapely.box(2, 2, 3, 3)])
    index.remove(boxes[0])
    index.add(shapely.box(1, 1, 3, 3))
