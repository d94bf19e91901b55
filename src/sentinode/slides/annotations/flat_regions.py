"""Regions as simple lines without holes, for the forms that know no others (ASAP XML, polygons JSON)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sentinode.slides.annotations.region_builder import Ring
from sentinode.slides.annotations.regions import EXCLUSION, TUMOUR, Geometry, Region, parts, shapely


@dataclass(frozen=True)
class FlatRegion:
    """One simple line."""

    ring: Ring
    """(N, 2) x, y in level-0 pixels, the first place not repeated."""
    kind: str
    name: str


def flatten(regions: Sequence[Region]) -> list[FlatRegion]:
    """Simple lines that enclose together what the regions do.

    A hole in a tumour region becomes an exclusion. Because an exclusion is taken out of every tumour region, not only
    of the one around it, tumour that lies within the hole is cut out of it first. Another region with a hole is cut
    through the hole into pieces without one.
    """
    flat = [one for region in regions for one in _outer(region)]
    tumour = [region for region in regions if region.kind == TUMOUR]
    for region in tumour:
        for part in parts(region.polygon):
            for hole in part.interiors:
                others = [other.polygon for other in tumour if other is not region]
                # Another part of this same region may lie in the hole, too.
                others += [other for other in parts(region.polygon) if other is not part]
                left = shapely.difference(shapely.Polygon(hole), shapely.union_all(others))
                for piece in parts(left):
                    flat += [_flat(simple, EXCLUSION, region.name) for simple in without_holes(piece)]
    return flat


def _outer(region: Region) -> Iterator[FlatRegion]:
    for part in parts(region.polygon):
        simple = [shapely.Polygon(part.exterior)] if region.kind == TUMOUR else without_holes(part)
        for piece in simple:
            yield _flat(piece, region.kind, region.name)


def _flat(polygon: Geometry, kind: str, name: str) -> FlatRegion:
    return FlatRegion(shapely.get_coordinates(polygon.exterior)[:-1], kind, name)


def without_holes(polygon: Geometry) -> list[Geometry]:
    """A polygon as polygons without holes: cut up and down through the middle of a hole until none is left."""
    if not polygon.interiors:
        return [polygon]
    left, top, right, bottom = polygon.bounds
    hole_left, _, hole_right, _ = polygon.interiors[0].bounds
    middle = (hole_left + hole_right) / 2
    halves = [shapely.box(left, top, middle, bottom), shapely.box(middle, top, right, bottom)]
    return [
        piece for half in halves for cut in parts(shapely.intersection(polygon, half)) for piece in without_holes(cut)
    ]
