"""GeoJSON as QuPath writes it: features in level-0 pixels, their class in `properties.classification`."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sentinode.core.errors import AnnotationError
from sentinode.slides.annotations.polygons import numbers, ring_of
from sentinode.slides.annotations.region_builder import RegionBuilder, Ring
from sentinode.slides.annotations.regions import EXCLUSION, TUMOUR, UNCLASSIFIED, Region, Reviewed, parts, shapely

_CLASSES = {TUMOUR: "Tumor", EXCLUSION: "Ignore*"}
_COLOURS = {TUMOUR: [216, 27, 96], EXCLUSION: [30, 136, 229]}
_OTHER_COLOUR = [255, 193, 7]
_REVIEWED = "reviewed"  # ours: RFC 7946 (6.1) allows further members, which other programs pass over
_AREAS = {"Polygon", "MultiPolygon"}
_OTHER_GEOMETRIES = {"Point", "MultiPoint", "LineString", "MultiLineString", "GeometryCollection"}


def is_geojson(content: Any) -> bool:
    """Whether parsed JSON looks like GeoJSON: one object with its type, or a list of features."""
    if isinstance(content, list):
        return all(isinstance(each, dict) and each.get("type") == "Feature" for each in content)
    kinds = {"FeatureCollection", "Feature", *_AREAS, *_OTHER_GEOMETRIES}
    return isinstance(content, dict) and content.get("type") in kinds


def parse_geojson(content: Any, builder: RegionBuilder) -> None:
    """Add the regions of a FeatureCollection, a feature, a list of features or a bare geometry to `builder`.

    QuPath's detections (cells, tiles) are not drawn regions and are left out, and so is what has no area.

    Raises:
        AnnotationError: A feature without the members that GeoJSON (RFC 7946) asks for.
    """
    builder.mark(content.get(_REVIEWED) if isinstance(content, dict) else None)
    left_out: Counter[str] = Counter()
    for number, feature in enumerate(_features(content, builder.source), 1):
        where = f"{builder.source}: feature {number}"
        properties = feature.get("properties") or {}
        geometry = feature.get("geometry") or {}
        if not isinstance(properties, dict) or not isinstance(geometry, dict):
            raise AnnotationError(f"{where} has a geometry or properties that are not objects; export it again")
        kind = str(properties.get("objectType", "annotation"))
        if kind != "annotation":
            left_out[kind] += 1
        elif geometry.get("type") not in _AREAS:
            left_out[str(geometry.get("type", "feature without a geometry"))] += 1
        else:
            group, name = _class_name(properties.get("classification")), str(properties.get("name") or "")
            builder.add(_polygons(geometry, where), group=group, name=name)
    for kind, count in left_out.items():
        builder.leave_out(kind, count)


def _features(content: Any, source: str) -> Iterator[dict[str, Any]]:
    features = content
    if isinstance(content, dict):
        features = content.get("features") if content["type"] == "FeatureCollection" else [content]
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        raise AnnotationError(f"{source} is GeoJSON without a list of features; export it again")
    for feature in features:
        yield feature if feature.get("type") == "Feature" else {"geometry": feature}


def _class_name(classification: Any) -> str:
    """QuPath's class: `{"name": …}`, since 0.5 also `{"names": [base, derived, …]}`; other programs write the name."""
    if isinstance(classification, dict):
        names = classification.get("names")
        return ": ".join(map(str, names)) if isinstance(names, list) else str(classification.get("name") or "")
    return str(classification or "")


def _polygons(geometry: dict[str, Any], where: str) -> list[list[Ring]]:
    listed = geometry.get("coordinates")
    if geometry["type"] == "Polygon":
        listed = [listed]
    if not isinstance(listed, list) or not all(isinstance(rings, list) for rings in listed):
        raise AnnotationError(f"{where} is a {geometry['type']} without a list of coordinates; export it again")
    return [[ring_of(ring, where) for ring in rings] for rings in listed]


def render_geojson(regions: Sequence[Region], reviewed: Reviewed | None = None) -> str:
    """The regions as a FeatureCollection that QuPath opens, a feature a line."""
    mark = "" if reviewed is None else f'"{_REVIEWED}": "{reviewed}", '
    features = ",\n".join(json.dumps(each, ensure_ascii=False, allow_nan=False) for each in _rendered(regions))
    return f'{{"type": "FeatureCollection", {mark}"features": [\n{features}\n]}}\n'


def _rendered(regions: Iterable[Region]) -> Iterator[dict[str, Any]]:
    for region in regions:
        polygons = [
            [numbers(shapely.get_coordinates(ring)) for ring in (part.exterior, *part.interiors)]
            for part in parts(region.polygon)
        ]
        single = len(polygons) == 1
        geometry = {"type": "Polygon" if single else "MultiPolygon", "coordinates": polygons[0] if single else polygons}
        properties: dict[str, Any] = {"objectType": "annotation"}
        if region.name:
            properties["name"] = region.name
        if region.kind != UNCLASSIFIED:
            name, colour = _CLASSES.get(region.kind, region.kind), _COLOURS.get(region.kind, _OTHER_COLOUR)
            properties["classification"] = {"name": name, "color": colour}
        yield {"type": "Feature", "geometry": geometry, "properties": properties}
