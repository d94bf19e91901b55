"""Reading annotations of any known form; the content says which it is, not the file's name."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from sentinode.core.errors import AnnotationError, DataNotFoundError
from sentinode.slides.annotations.asap import parse_asap
from sentinode.slides.annotations.camelyon import known_trap
from sentinode.slides.annotations.geojson import is_geojson, parse_geojson
from sentinode.slides.annotations.placement import Corner
from sentinode.slides.annotations.polygons import GROUPS, parse_polygons
from sentinode.slides.annotations.region_builder import RegionBuilder
from sentinode.slides.annotations.regions import DISAGREED, REJECTED, Annotations


def read_annotations(path: Path, tumour_names: Iterable[str] = ()) -> Annotations:
    """Read ASAP XML, GeoJSON or polygons JSON.

    A file without a region is the annotation of a slide without one. A self-crossing line is repaired, an element
    without an area left out; `Annotations.warnings` tells of both, of classes among which none is tumour, and of the
    known traps of CAMELYON16.

    Args:
        path: The file.
        tumour_names: Class names that mean tumour besides the usual (Tumor, _0, _1, metastases), in any case.

    Raises:
        DataNotFoundError: There is no such file.
        AnnotationError: It is of none of these forms, damaged, or has regions without any coordinate.
    """
    builder = RegionBuilder(str(path), tumour_names)
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip()
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path} does not exist; check the path") from error
    except OSError as error:
        raise AnnotationError(f"{path} can't be read: {error.strerror or error}; check the file") from error
    corner = _parse(content, builder)
    found = replace(builder.finish(path), corner=corner)
    if found.reviewed is None and (found.of(REJECTED) or found.of(DISAGREED)):
        found = replace(found, reviewed="part")  # a review that another program saved again, without its mark
    warnings = list(found.warnings)
    if found.reviewed == "part":
        warnings.append("it is a review of a part of the slide: elsewhere there may be tumour that is not drawn")
    if found.unnamed:
        warnings.append(f"no region is called tumour; the classes are: {', '.join(found.unnamed)}")
    trap = known_trap(path.stem)
    return replace(found, warnings=tuple([*warnings, trap] if trap else warnings))


def _parse(content: bytes, builder: RegionBuilder) -> Corner:
    """Add the regions; returns what the form counts pixels from."""
    if content.startswith(b"<") or content[:2] in (b"\xff\xfe", b"\xfe\xff"):  # XML may be UTF-16
        parse_asap(content, builder)
        return "canvas"
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:  # ValueError: bad JSON, and bytes that are not UTF-8
        raise AnnotationError(f"{builder.source} is {_EXPECTED} ({error})") from error
    if isinstance(parsed, dict) and any(group in parsed for group in GROUPS):
        parse_polygons(parsed, builder)
        return "canvas"
    if is_geojson(parsed):
        parse_geojson(parsed, builder)
        return "scanned area"
    raise AnnotationError(f"{builder.source} is {_EXPECTED}")


_EXPECTED = (
    "no annotation file; expected ASAP XML (<ASAP_Annotations>), GeoJSON (a FeatureCollection or a list of features) "
    "or polygons JSON ('positive', 'negative')"
)
