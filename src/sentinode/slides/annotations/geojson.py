"""GeoJSON as QuPath writes it: features in level-0 pixels, their class in `properties.classification`."""

import json
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
_COLLECTION = "GeometryCollection"
_OTHER_GEOMETRIES = {"Point", "MultiPoint", "LineString", "MultiLineString", _COLLECTION}
# QuPath's names for what it found or made itself, by version: 0.2 has the class of the object for an id.
_TYPES_0_2 = {
    "PathRootObject": "root", "PathAnnotationObject": "annotation", "PathCellObject": "cell",
    "PathDetectionObject": "detection", "PathTileObject": "tile", "TMACoreObject": "tma_core",
}  # fmt: skip


def is_geojson(content: Any) -> bool:
    """Whether parsed JSON looks like GeoJSON: one object with its type, or a list of features."""
    if isinstance(content, list):
        return all(isinstance(each, dict) and each.get("type") == "Feature" for each in content)
    kinds = {"FeatureCollection", "Feature", *_AREAS, *_OTHER_GEOMETRIES}
    return isinstance(content, dict) and content.get("type") in kinds


def parse_geojson(content: Any, builder: RegionBuilder) -> None:
    """Add the regions of a FeatureCollection, a feature, a list of features or a bare geometry to `builder`.

    Objects inside others, as QuPath exports its hierarchy, are read like the rest. QuPath's cells, tiles and other
    detections are not drawn regions and are left out, in its forms of 0.2, 0.3 and later; so is what has no area.

    Raises:
        AnnotationError: A feature without the members that GeoJSON (RFC 7946) asks for.
    """
    builder.mark(content.get(_REVIEWED) if isinstance(content, dict) else None)
    for number, feature in enumerate(_features(content, builder.source), 1):
        where = f"{builder.source}: feature {number}"
        properties = feature.get("properties") or {}
        geometry = feature.get("geometry") or {}
        if not isinstance(properties, dict) or not isinstance(geometry, dict):
            raise AnnotationError(f"{where} has a geometry or properties that are not objects; export it again")
        kind = _object_type(feature, properties)
        if kind == "annotation":
            _add(
                geometry,
                _class_name(properties.get("classification")),
                str(properties.get("name") or ""),
                where,
                builder,
            )
        elif kind != "root":  # the whole slide, which holds the others
            builder.pass_over(kind)


def _object_type(feature: dict[str, Any], properties: dict[str, Any]) -> str:
    """What QuPath calls it; another program's features are annotations."""
    said = properties.get("objectType") or properties.get("object_type")  # the latter: 0.3
    return str(said or _TYPES_0_2.get(str(feature.get("id")), "annotation")).lower()


def _add(geometry: dict[str, Any], group: str, name: str, where: str, builder: RegionBuilder) -> None:
    kind = geometry.get("type")
    if kind in _AREAS:
        builder.add(_polygons(geometry, where), group=group, name=name)
    elif kind == _COLLECTION and isinstance(geometry.get("geometries"), list) and geometry["geometries"]:
        for part in geometry["geometries"]:
            if not isinstance(part, dict):
                raise AnnotationError(f"{where} is a {_COLLECTION} of what are not objects; export it again")
            _add(part, group, name, where, builder)
    else:
        builder.leave_out(str(kind or "feature without a geometry"), group)


def _features(content: Any, source: str) -> Iterator[dict[str, Any]]:
    """Every feature, and below each those that lie in it."""
    features = content
    if isinstance(content, dict):
        features = content.get("features") if content["type"] == "FeatureCollection" else [content]
    waiting = [features]
    while waiting:
        listed = waiting.pop()
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise AnnotationError(f"{source} is GeoJSON without a list of features; export it again")
        for feature in listed:
            yield feature if feature.get("type") == "Feature" else {"geometry": feature}
            if (children := feature.get("childObjects")) is not None:
                waiting.append(children)


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


def render_geojson(
    regions: Sequence[Region], reviewed: Reviewed | None = None, notes: Sequence[str] | None = None
) -> str:
    """The regions as a FeatureCollection that QuPath opens, a feature a line; `notes` become a member of their own."""
    mark = "" if reviewed is None else f'"{_REVIEWED}": "{reviewed}", '
    mark += "" if notes is None else f'"notes": {json.dumps(list(notes), ensure_ascii=False)}, '
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
