"""Regions as simple lines without holes, for the forms that know no others (ASAP XML, polygons JSON)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.annotations.region_builder import Ring
from sentinode.slides.annotations.regions import EXCLUSION, TUMOUR, Geometry, Region, parts, shapely

_LEAST_AREA = 1e-4
"""Square level-0 pixels: less is what rounding leaves where lines lie on one another."""


@dataclass(frozen=True)
class FlatRegion:
    """One simple line."""

    ring: Ring
    """(N, 2) x, y in level-0 pixels, the first place not repeated."""
    kind: str
    name: str


def flatten(regions: Sequence[Region]) -> list[FlatRegion]:
    """Simple lines that enclose together what the regions do.

    What the outer lines of tumour regions enclose and no tumour region covers, as a hole in one of them, becomes an
    exclusion. An exclusion is taken out of every tumour region, so it has none of the tumour that lies within a hole.
    Another region with a hole is cut through the hole into pieces without one.
    """
    return [
        *(one for region in regions for one in _outer(region)),
        *_exclusions([region for region in regions if region.kind == TUMOUR]),
    ]


def _outer(region: Region) -> Iterator[FlatRegion]:
    for part in parts(region.polygon):
        simple = [shapely.Polygon(part.exterior)] if region.kind == TUMOUR else without_holes(part)
        for piece in simple:
            yield _flat(piece, region.kind, region.name)


def _exclusions(tumour: Sequence[Region]) -> Iterator[FlatRegion]:
    """What is inside of tumour regions' outer lines and no tumour, of all of them at once: each gap is said once."""
    enclosed = [shapely.Polygon(part.exterior) for region in tumour for part in parts(region.polygon) if part.interiors]
    if not enclosed:
        return
    covered = shapely.union_all([region.polygon for region in tumour])
    left = parts(shapely.difference(shapely.union_all(enclosed), covered))
    gaps = [gap for gap in left if gap.area >= _LEAST_AREA]
    found = sorted(zip(_owners(gaps, tumour), gaps, strict=True), key=lambda one: one[0])
    for owner, gap in found:
        name = tumour[owner].name if owner >= 0 else ""
        for piece in without_holes(gap):
            yield _flat(piece, EXCLUSION, name)


def _owners(gaps: Sequence[Geometry], tumour: Sequence[Region]) -> list[int]:
    """Of each gap the number of a region that has a corner on its rim, by a hole rather than its outer line; or -1."""
    rings = [
        (ring, number, outer)
        for number, region in enumerate(tumour)
        for part in parts(region.polygon)
        for ring, outer in ((part.exterior, True), *((hole, False) for hole in part.interiors))
    ]
    rings.sort(key=lambda one: one[2])
    corners, ring_of = _corners([ring for ring, _, _ in rings])
    order = np.argsort(corners, kind="stable")  # of equal ones that of a hole stays before
    rim, gap_of = _corners([gap.exterior for gap in gaps])
    places = np.searchsorted(corners[order], rim).clip(max=len(corners) - 1)
    found = np.flatnonzero(corners[order][places] == rim)
    first = {int(gap_of[one]): int(ring_of[order[places[one]]]) for one in found[::-1]}
    return [rings[first[number]][1] if number in first else -1 for number in range(len(gaps))]


def _corners(rings: Sequence[Geometry]) -> tuple[NDArray[np.complex128], NDArray[np.intp]]:
    """All corners as complex numbers, which have an order; and the number of the ring of each."""
    places, ring = shapely.get_coordinates(np.array(rings, object), return_index=True)
    return places[:, 0] + 1j * places[:, 1], ring


def _flat(polygon: Geometry, kind: str, name: str) -> FlatRegion:
    return FlatRegion(shapely.get_coordinates(polygon.exterior)[:-1], kind, name)


def without_holes(polygon: Geometry) -> list[Geometry]:
    """A polygon as polygons without holes: cut up and down through the middle of a hole until none is left.

    Each cut goes through that hole which leaves as many to its left as to its right, so that few corners are cut often.
    """
    box = shapely.bounds(np.array(polygon.interiors, object)).reshape(-1, 4)
    middles = (box[:, 0] + box[:, 2]) / 2
    # A hole that is so thin that no number lies between its sides can't be cut, and hides nothing.
    middles = np.sort(middles[(box[:, 0] < middles) & (middles < box[:, 2])])
    if not len(middles):
        return [shapely.Polygon(polygon.exterior)]
    left, top, right, bottom = polygon.bounds
    middle = middles[len(middles) // 2]
    halves = [shapely.box(left, top, middle, bottom), shapely.box(middle, top, right, bottom)]
    return [
        piece for half in halves for cut in parts(shapely.intersection(polygon, half)) for piece in without_holes(cut)
    ]
