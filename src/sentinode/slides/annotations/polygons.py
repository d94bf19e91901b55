"""Polygons JSON: `{"positive": [{"name", "vertices"}], "negative": […]}` in level-0 pixels, negative ones are holes."""

from typing import Any

import numpy as np

from sentinode.core.errors import AnnotationError
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


def numbers(ring: Ring) -> list[list[float]]:
    """[[x, y], …], whole numbers without a decimal point."""
    return [[int(value) if float(value).is_integer() else float(value) for value in place] for place in ring]
