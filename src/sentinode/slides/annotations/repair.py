"""Lines that cross themselves: made valid with the area that they wind around, at a bounded cost."""

from sentinode.slides.annotations.regions import Geometry, parts, shapely
from sentinode.slides.annotations.tangle import tangle_of


def repaired(polygon: Geometry) -> Geometry | None:
    """A Polygon or MultiPolygon as a valid one, by the rule of nonzero winding, by which browsers fill, too.

    What a line winds around is inside: where the end of a lasso overlaps its start, the middle of a pentagram, both
    halves of an eight. Holes are taken out of what their outer line winds around.

    Args:
        polygon: Of finite coordinates.

    Returns:
        None where nothing is enclosed.

    Raises:
        TooTangledError: Its lines cross too often.
    """
    tangle_of([polygon])
    if not shapely.is_valid(polygon):
        found = parts(shapely.make_valid(polygon, method="structure", keep_collapsed=False))
        if not found:
            return None
        polygon = found[0] if len(found) == 1 else shapely.MultiPolygon(found)
    return polygon if polygon.area > 0 else None
