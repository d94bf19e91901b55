"""Reviews: polygons that are checked, and what a scan's reviews say together, as annotations."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sentinode.core.extras import require
from sentinode.core.messages import one_line
from sentinode.serving.problems import Problem
from sentinode.serving.store.tables import ReviewRow
from sentinode.slides.annotations.asap import render_asap
from sentinode.slides.annotations.flat_regions import flatten
from sentinode.slides.annotations.geojson import render_geojson
from sentinode.slides.annotations.placement import moved
from sentinode.slides.annotations.regions import REJECTED, TUMOUR, Region, Reviewed, parts
from sentinode.slides.annotations.repair import TooTangledError, repaired

shapely = require("shapely", extra="scan")

_JUDGED = {"accept": (TUMOUR, "accepted"), "reject": (REJECTED, "rejected")}
_MOST_POINTS = 20_000
_EDGE = 0.01
"""Part of the slide's side by which a line may leave the slide."""


def checked_polygon(geometry: dict[str, Any], slide_width: int, slide_height: int) -> dict[str, Any]:
    """A GeoJSON Polygon or MultiPolygon in level-0 pixels, valid: a line that crosses itself is repaired.

    Raises:
        Problem: 422 where it is none, has no area, too many points, or lies outside the slide.
    """
    try:
        polygon = repaired(_parsed(geometry))
    except TooTangledError as error:
        raise Problem(422, f"the polygon can't be taken: {error}") from error
    if polygon is None:
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


def regions_of(reviews: Sequence[ReviewRow]) -> list[Region]:
    """What reviews say is there: accepted and drawn lesions as tumour, rejected ones as such.

    Where two that were not undone contradict each other the later one counts, also where they judge lesions of
    different thresholds, of which one lies in the other.

    Args:
        reviews: Of a scan, in the order in which they were made.
    """
    found: dict[str, Region] = {}
    for review in reviews:
        if review.undone is not None or not review.polygon or not (review.kind == "lesion" or review.verdict):
            continue
        lesion = review.lesion_id or review.id
        new = _region(review)
        found.pop(lesion, None)
        left = {each: _without(old, new) for each, old in found.items()}
        found = {each: region for each, region in left.items() if region is not None} | {lesion: new}
    return list(found.values())


def exported(
    reviews: Sequence[ReviewRow], kind: str, *, whole_slide: bool = False, origin: tuple[int, int] = (0, 0)
) -> str:
    """What reviews say, as `geojson` (rejected lesions as such) or ASAP `xml` (without them); level-0 pixels.

    Each counts them as the program that it is for: QuPath from the corner of the scanned area, ASAP from the canvas's.

    Args:
        reviews: Of a scan, in the order in which they were made.
        kind: geojson or xml.
        origin: Of the scanned area on OpenSlide's canvas, level-0 x and y.
        whole_slide: The reviewer looked at all of the slide: what is neither accepted nor drawn is no tumour. The file
            says so, and otherwise that it speaks of a part.

    Raises:
        Problem: 409 where nothing was judged or drawn, and not the whole slide was reviewed.
    """
    regions = regions_of(reviews)
    if not regions and not whole_slide:
        raise Problem(
            409,
            "nothing was accepted, rejected or drawn on this scan yet; review it first, or export it with "
            "whole_slide=true, which says that there is no tumour",
        )
    reviewed: Reviewed = "whole" if whole_slide else "part"
    if kind == "geojson":
        return render_geojson(regions, reviewed)
    kept = [moved(region, *origin) for region in regions if region.kind != REJECTED]
    return render_asap(flatten(kept), reviewed)


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


def _region(review: ReviewRow) -> Region:
    kind, done = (TUMOUR, "drawn") if review.kind == "lesion" else _JUDGED[review.verdict or ""]
    return Region(shapely.from_geojson(json.dumps(review.polygon)), kind, f"{done} by {review.author}", kind)


def _without(old: Region, new: Region) -> Region | None:
    """What is left of a region after a later one; None: nothing."""
    if old.kind == new.kind or not shapely.intersects(old.polygon, new.polygon):
        return old
    left = parts(shapely.difference(old.polygon, new.polygon))
    return replace(old, polygon=shapely.union_all(left)) if left else None


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
    _check_count(count)
    try:
        return shapely.force_2d(shapely.from_geojson(json.dumps({"type": kind, "coordinates": listed})))
    except (shapely.errors.GEOSException, ValueError) as error:
        raise Problem(422, f"the polygon is no valid GeoJSON ({one_line(error)[:120]}); draw it again") from error


def _check_count(points: int) -> None:
    if points > _MOST_POINTS:
        raise Problem(422, f"the polygon has {points:,} points, {_MOST_POINTS:,} are allowed; draw it simpler")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Problem(422, "the polygon's coordinates are not lists of rings of [x, y]; send GeoJSON")
    return value


def _is_point(point: Any) -> bool:
    if not isinstance(point, list) or len(point) < 2 or len(point) > 3:
        return False
    numbers = [value for value in point if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(point) and all(math.isfinite(value) and abs(value) < 1e9 for value in numbers)
