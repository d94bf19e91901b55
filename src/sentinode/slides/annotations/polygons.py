"""Polygons JSON: `{"positive": [{"name", "vertices"}], "negative": […]}` in level-0 pixels, negative ones are holes."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from sentinode.core.errors import AnnotationError
from sentinode.slides.annotations.flat_regions import FlatRegion
from sentinode.slides.annotations.region_builder import RegionBuilder, Ring
from sentinode.slides.annotations.regions import EXCLUSION, TUMOUR

GROUPS = {"positive": TUMOUR, "negative": EXCLUSION}
"""The two lists of the file, and the kind of their regions."""


def parse_polygons(content: dict[str, Any], builder: RegionBuilder) -> None:
    """Add the regions of a polygons JSON to `builder`.

    Raises:
        AnnotationError: A list of something else than named vertices.
    """
    for group, kind in GROUPS.items():
        listed = content.get(group, [])
        if not isinstance(listed, list):
            raise AnnotationError(f"{builder.source}: {group!r} is not a list of polygons; export it again")
        for number, one in enumerate(listed, 1):
            if not isinstance(one, dict) or "vertices" not in one:
                raise AnnotationError(f"{builder.source}: {group} polygon {number} has no 'vertices'; export it again")
            ring = ring_of(one["vertices"], f"{builder.source}: {group} polygon {number}")
            builder.add([[ring]], group=kind, name=str(one.get("name", "")))


def ring_of(places: Any, where: str) -> Ring:
    """(N, 2) from a list of [x, y] (a third number, a height, is dropped).

    Raises:
        AnnotationError: Not a list of pairs of numbers; `where` names the place.
    """
    try:
        ring = np.array([[float(place[0]), float(place[1])] for place in places], float)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise AnnotationError(f"{where} has vertices that are not pairs of numbers; export it again") from error
    return ring.reshape(-1, 2)


def render_polygons(regions: Sequence[FlatRegion]) -> str:
    """The regions as polygons JSON.

    Raises:
        AnnotationError: A region is neither tumour nor exclusion: this form has no place for it.
    """
    groups = {kind: group for group, kind in GROUPS.items()}
    out: dict[str, list[dict[str, Any]]] = {group: [] for group in GROUPS}
    for region in regions:
        if region.kind not in groups:
            raise AnnotationError(
                f"polygons JSON knows tumour and exclusion only, not {region.kind!r}; write ASAP XML or GeoJSON"
            )
        out[groups[region.kind]].append({"name": region.name, "vertices": numbers(region.ring)})
    return json.dumps(out, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def numbers(ring: Ring) -> list[list[float]]:
    """[[x, y], …], whole numbers without a decimal point."""
    return [[int(value) if float(value).is_integer() else float(value) for value in place] for place in ring]
