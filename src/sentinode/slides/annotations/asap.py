"""ASAP's XML, the form of CAMELYON16 and CAMELYON17: polygons, rectangles and splines in level-0 pixels, in groups."""

import xml.etree.ElementTree as ET  # expat 2.4 and later stops entity bombs itself
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sentinode.core.errors import AnnotationError
from sentinode.core.files import write_text
from sentinode.slides.annotations.flat_regions import FlatRegion, flatten
from sentinode.slides.annotations.region_builder import RegionBuilder, Ring
from sentinode.slides.annotations.regions import EXCLUSION, TUMOUR, UNCLASSIFIED, Annotations, Reviewed

_AREAS = {"polygon", "spline", "rectangle"}
_GROUPS = {TUMOUR: "Tumor", EXCLUSION: "Exclusion", UNCLASSIFIED: "None"}
_COLOURS = {TUMOUR: "#d81b60", EXCLUSION: "#1e88e5"}
_OTHER_COLOUR = "#ffc107"
_REVIEWED = "Reviewed"  # ours: ASAP passes over an attribute that it does not know


def parse_asap(content: bytes, builder: RegionBuilder) -> None:
    """Add the regions of an ASAP file to `builder`.

    Of a spline the points through which it goes are taken for a polygon, as ASAP's own mask conversion does. A
    rectangle may be given by its four corners or by two opposite ones.

    Raises:
        AnnotationError: Not XML, not ASAP's, or a coordinate is not a number.
    """
    try:
        root = ET.fromstring(content)
    except (ET.ParseError, ValueError, LookupError) as error:  # the last: an encoding that nobody knows
        raise AnnotationError(f"{builder.source} is damaged XML ({error}); export it again") from error
    if root.tag != "ASAP_Annotations":
        raise AnnotationError(
            f"{builder.source} is XML with the root <{root.tag}>, not <ASAP_Annotations>; export it from ASAP, or as "
            "GeoJSON from QuPath"
        )
    builder.mark(root.get(_REVIEWED))
    for element in root.iter("Annotation"):
        kind, group = element.get("Type", "Polygon"), element.get("PartOfGroup", "")
        if kind.lower() not in _AREAS:
            builder.leave_out(kind, group)
            continue
        name = element.get("Name", "")
        ring = _ring(element, name, builder.source)
        if kind.lower() == "rectangle" and len(ring) == 2:
            (left, top), (right, bottom) = ring
            ring = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        builder.add([[ring]], group=group, name=name)


def _ring(element: ET.Element, name: str, source: str) -> Ring:
    """(N, 2) the coordinates of an annotation in their `Order`, which need not be the order in the file."""
    places = []
    for position, coordinate in enumerate(element.iter("Coordinate")):
        try:
            order = float(coordinate.get("Order", position))
            places.append((order, float(coordinate.attrib["X"]), float(coordinate.attrib["Y"])))
        except (KeyError, ValueError) as error:
            raise AnnotationError(
                f"{source}: annotation {name!r} has the coordinate {coordinate.attrib}, which is no Order, X and Y in "
                "level-0 pixels; export it again"
            ) from error
    places.sort(key=lambda place: place[0])
    return np.array([place[1:] for place in places], float).reshape(-1, 2)


def write_asap(annotations: Annotations, path: Path) -> None:
    """Write ASAP XML: groups Tumor and Exclusion, other classes under their name; a hole is an exclusion."""
    write_text(path, render_asap(flatten(annotations.regions)))


def render_asap(regions: Sequence[FlatRegion], reviewed: Reviewed | None = None) -> str:
    """The regions as an ASAP file; holes are regions of the group Exclusion of their own."""
    root = ET.Element("ASAP_Annotations", {} if reviewed is None else {_REVIEWED: reviewed})
    listed = ET.SubElement(root, "Annotations")
    for number, region in enumerate(regions):
        attributes = {
            "Name": region.name or f"Annotation {number}",
            "Type": "Polygon",
            "PartOfGroup": _GROUPS.get(region.kind, region.kind),
            "Color": _COLOURS.get(region.kind, _OTHER_COLOUR),
        }
        coordinates = ET.SubElement(ET.SubElement(listed, "Annotation", attributes), "Coordinates")
        for order, (x, y) in enumerate(region.ring):
            ET.SubElement(coordinates, "Coordinate", {"Order": str(order), "X": _number(x), "Y": _number(y)})
    groups = ET.SubElement(root, "AnnotationGroups")
    for kind in sorted({region.kind for region in regions} - {UNCLASSIFIED}):
        colour = _COLOURS.get(kind, _OTHER_COLOUR)
        attributes = {"Name": _GROUPS.get(kind, kind), "PartOfGroup": "None", "Color": colour}
        ET.SubElement(ET.SubElement(groups, "Group", attributes), "Attributes")
    ET.indent(root, "\t")
    return '<?xml version="1.0"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
