"""Where an annotation lies on its slide: programs count level-0 pixels from different corners.

OpenSlide gives slides of MRXS, SCN and BIF a canvas with nothing on most of it, and says in its bounds where the
scanned area is. QuPath shows that area alone and counts from its corner, as we do; ASAP counts from the canvas's.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from sentinode.core.errors import AnnotationError
from sentinode.slides.annotations.regions import Annotations, Region, shapely
from sentinode.slides.slide_extent import SlideExtent

Corner = Literal["scanned area", "canvas"]
"""What a form of annotations counts level-0 pixels from."""


def placed(annotations: Annotations, extent: SlideExtent) -> Annotations:
    """The same regions, counted from the corner of the slide's scanned area.

    The form of the file says which corner it counts from: GeoJSON is QuPath's. Where the regions then lie beyond the
    slide and would lie on it by the other, the other is taken, and a warning says so.

    Raises:
        AnnotationError: They lie beyond the slide either way: they were drawn on another one.
    """
    if not (extent.origin_x or extent.origin_y):
        annotations.check_within(extent.width, extent.height, extent.name)
        return annotations
    ways: dict[Corner, Annotations] = {
        "scanned area": annotations,
        "canvas": shifted(annotations, -extent.origin_x, -extent.origin_y),
    }
    own = ways.pop(annotations.corner)
    if _is_within(own, extent):
        return own
    ((corner, other),) = ways.items()
    if not _is_within(other, extent):
        own.check_within(extent.width, extent.height, extent.name)
    told = f"its regions lie on the slide only if counted from the corner of the {corner}: so they were taken"
    return replace(other, warnings=(*other.warnings, told))


def shifted(annotations: Annotations, x: int, y: int) -> Annotations:
    """The same regions, moved by level-0 pixels."""
    return replace(annotations, regions=tuple(moved(region, x, y) for region in annotations.regions))


def moved(region: Region, x: int, y: int) -> Region:
    """The same region, moved by level-0 pixels."""
    return replace(region, polygon=shapely.transform(region.polygon, lambda places: places + np.array([x, y])))


def _is_within(annotations: Annotations, extent: SlideExtent) -> bool:
    try:
        annotations.check_within(extent.width, extent.height, extent.name)
    except AnnotationError:
        return False
    return True
