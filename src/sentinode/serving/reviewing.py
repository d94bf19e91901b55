"""Reviews: polygons that are checked, and what a scan's reviews say together, as annotations."""

import json
import math
from collections.abc import Sequence
from typing import Any

from sentinode.core.extras import require
from sentinode.serving.problems import Problem
from sentinode.serving.store.tables import ReviewRow
from sentinode.slides.annotations.asap import render_asap
from sentinode.slides.annotations.flattening import flatten
from sentinode.slides.annotations.geojson import render_geojson
from sentinode.slides.annotations.regions import REJECTED, TUMOUR, Region

shapely = require("shapely", extra="slides")

_MOST_POINTS = 20_000
_EDGE = 0.01
"""Part of the slide's side by which a line may leave the slide."""


def checked_polygon(geometry: dict[str, Any], slide_width: int, slide_height: int) -> dict[str, Any]:
    """A GeoJSON Polygon or MultiPolygon in level-0 pixels, valid: a line that crosses itself is mended.

    Raises:
        Problem: 422 where it is none, has no area, too many points, or lies outside the slide.
    """
    polygon = shapely.make_valid(_parsed(geometry))
    areas = [part for part in shapely.get_parts(polygon) if part.geom_type in ("Polygon", "MultiPolygon")]
    polygon = shapely.union_all(areas)
    if polygon.is_empty or not polygon.area > 0:
        raise Problem(422, "the polygon has no area; draw around the lesion")
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


def truth_of(reviews: Sequence[ReviewRow]) -> list[Region]:
    """What reviews say is there: accepted and drawn lesions as tumour, rejected ones as such.

    Of several verdicts on one lesion the last one that was not undone counts.

    Raises:
        Problem: 409 where nothing was judged or drawn: an empty file would say that there is no tumour.
    """
    valid = [review for review in reviews if review.undone is None and review.polygon]
    judged = {review.lesion_id or review.id: review for review in valid if review.kind == "verdict" and review.verdict}
    drawn = [review for review in valid if review.kind == "lesion"]
    if not judged and not drawn:
        raise Problem(409, "nothing was accepted, rejected or drawn on this scan yet; review it first")
    # A drawn lesion may be rejected, too: by a verdict on its id.
    dropped = {review.lesion_id for review in judged.values() if review.verdict == "reject"}
    regions = [_region(review, TUMOUR, "drawn") for review in drawn if review.id not in dropped]
    drawn_ids = {review.id for review in drawn}
    for review in judged.values():
        if review.verdict == "reject":
            regions.append(_region(review, REJECTED, "rejected"))
        elif review.lesion_id not in drawn_ids:  # otherwise it is there as drawn
            regions.append(_region(review, TUMOUR, "accepted"))
    return regions


def exported(reviews: Sequence[ReviewRow], kind: str) -> str:
    """What reviews say, as `geojson` (rejected lesions as such) or ASAP `xml` (without them); level-0 pixels.

    Raises:
        Problem: See `truth_of`.
    """
    regions = truth_of(reviews)
    if kind == "geojson":
        return render_geojson(regions)
    return render_asap(flatten([region for region in regions if region.kind != REJECTED]))


def review_fields(row: ReviewRow) -> dict[str, Any]:
    """A review as clients see it."""
    return {
        "id": row.id,
        "kind": row.kind,
        "lesion_id": row.lesion_id,
        "verdict": row.verdict,
        "polygon": row.polygon,
        "comment": row.comment,
        "author": row.author,
        "created": row.created,
        "undone": row.undone is not None,
    }


def _region(review: ReviewRow, kind: str, name: str) -> Region:
    return Region(shapely.from_geojson(json.dumps(review.polygon)), kind, f"{name} by {review.author}", kind)


def _parsed(geometry: dict[str, Any]) -> Any:
    kind, listed = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(listed, list):
        raise Problem(422, f"the polygon is of type {str(kind)[:40]!r}; send a GeoJSON Polygon or MultiPolygon")
    polygons = [listed] if kind == "Polygon" else listed
    count = 0
    for rings in polygons:
        for ring in _list(rings):
            for point in _list(ring):
                count += 1
                if not _is_point(point):
                    raise Problem(
                        422, f"the polygon has the coordinate {str(point)[:60]}; send [x, y] in level-0 pixels"
                    )
    if count > _MOST_POINTS:
        raise Problem(422, f"the polygon has {count:,} points, {_MOST_POINTS:,} are allowed; simplify it")
    try:
        return shapely.from_geojson(json.dumps({"type": kind, "coordinates": listed}))
    except (shapely.errors.GEOSException, ValueError) as error:
        raise Problem(
            422, f"the polygon is no valid GeoJSON ({' '.join(str(error).split())[:120]}); draw it again"
        ) from error


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Problem(422, "the polygon's coordinates are not lists of rings of [x, y]; send GeoJSON")
    return value


def _is_point(point: Any) -> bool:
    if not isinstance(point, list) or len(point) < 2 or len(point) > 3:
        return False
    numbers = [value for value in point if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(point) and all(math.isfinite(value) and abs(value) < 1e9 for value in numbers)
