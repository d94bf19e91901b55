"""Polygons of reviews: what a client sent, checked and repaired."""

import json
import math
from typing import Any

from sentinode.core.extras import require
from sentinode.core.messages import one_line, plural
from sentinode.serving.problems import Problem
from sentinode.slides.annotations.repair import repaired
from sentinode.slides.annotations.tangle import TooTangledError

shapely = require("shapely", extra="scan")

_MOST_POINTS = 20_000
_LEAST_AREA = 1.0
"""Square level-0 pixels: less is a slip of the hand, and would make the slide one with tumour."""
_EDGE = 0.01
"""Part of the slide's side by which a line may leave the slide."""


def checked_polygon(geometry: dict[str, Any], slide_width: int, slide_height: int) -> dict[str, Any]:
    """A GeoJSON Polygon or MultiPolygon in level-0 pixels, valid: a line that crosses itself is repaired.

    Raises:
        Problem: 422 where it is none, has no area, too many points, or lies outside the slide.
    """
    try:
        polygon = repaired(parsed_polygon(geometry))
    except TooTangledError as error:
        raise Problem(422, f"the polygon can't be taken: {error}") from error
    if polygon is None or polygon.area < _LEAST_AREA:
        raise Problem(422, "the polygon has no area; draw around the lesion")
    _check_count(shapely.get_num_coordinates(polygon))
    left, top, right, bottom = polygon.bounds
    slack_x, slack_y = _EDGE * slide_width, _EDGE * slide_height
    if left < -slack_x or top < -slack_y or right > slide_width + slack_x or bottom > slide_height + slack_y:
        raise Problem(
            422,
            f"the polygon spans x {left:.0f} to {right:.0f} and y {top:.0f} to {bottom:.0f}, the slide has "
            f"{slide_width} × {slide_height} level-0 pixels; send level-0 pixels",
        )
    found: dict[str, Any] = json.loads(shapely.to_geojson(polygon))
    return found


def parsed_polygon(geometry: dict[str, Any]) -> Any:
    """The same as a shapely geometry of two dimensions, which need not be valid.

    Raises:
        Problem: 422 where it is no Polygon or MultiPolygon, or has too many points.
    """
    kind, listed = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(listed, list):
        raise Problem(422, f"the polygon is of type {str(kind)[:40]!r}; send a GeoJSON Polygon or MultiPolygon")
    polygons = [listed] if kind == "Polygon" else listed
    count = 0
    for rings in polygons:
        for ring in _list(rings):
            points = _list(ring)
            for point in points:
                count += 1
                if not _is_point(point):
                    raise Problem(
                        422, f"the polygon has the coordinate {str(point)[:60]}; send [x, y] in level-0 pixels"
                    )
            _check_ring(points)
    _check_count(count)
    try:
        return shapely.force_2d(shapely.from_geojson(json.dumps({"type": kind, "coordinates": listed})))
    except (shapely.errors.GEOSException, ValueError) as error:
        raise Problem(422, f"the polygon is no valid GeoJSON ({one_line(error)[:120]}); draw it again") from error


def _check_count(points: int) -> None:
    if points > _MOST_POINTS:
        raise Problem(422, f"the polygon has {points:,} points, {_MOST_POINTS:,} are allowed; draw it simpler")


def _check_ring(points: list[list[float]]) -> None:
    if points[0] != points[-1]:
        raise Problem(
            422,
            f"a ring of the polygon begins at {str(points[0])[:60]} and ends at {str(points[-1])[:60]}; close it: "
            "repeat its first point at its end",
        )
    if len(points) < 4:
        said = plural(len(points), "point")
        raise Problem(422, f"a ring of the polygon has {said}, with the first repeated; send at least 4")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Problem(422, "the polygon's coordinates are not lists of rings of [x, y]; send GeoJSON")
    return value


def _is_point(point: Any) -> bool:
    if not isinstance(point, list) or len(point) < 2 or len(point) > 3:
        return False
    numbers = [value for value in point if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(point) and all(math.isfinite(value) and abs(value) < 1e9 for value in numbers)
