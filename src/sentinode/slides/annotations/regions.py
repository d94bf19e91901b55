"""Regions drawn on a slide: polygons in level-0 pixels with a class, and what they say together.

A coordinate is a place, not a pixel: pixel i covers [i, i + 1), and its centre is at i + 0.5.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentinode.core.errors import AnnotationError
from sentinode.core.extras import require

if TYPE_CHECKING:
    from sentinode.slides.mpp import Mpp

shapely = require("shapely", extra="scan")

Geometry = Any
"""A shapely Polygon or MultiPolygon in level-0 pixels; shapely has no type hints of its own."""

TUMOUR = "tumour"
EXCLUSION = "exclusion"
UNCLASSIFIED = "unclassified"
REJECTED = "rejected"
"""What a model took for tumour and a reviewer did not: a region without tumour, that says so."""
DISAGREED = "disagreed"
"""What reviewers judge differently: whether it is tumour is not known."""

Reviewed = Literal["part", "whole"]
"""How much of a slide a reviewer looked at: what a model found, or all of it."""

# CAMELYON16 calls tumour Tumor, _0 and _1, and a hole of normal tissue in it _2 or Exclusion; CAMELYON17 and ASAP's own
# conversion say metastases. QuPath says Tumor, and Ignore* for what its commands leave out.
_TUMOUR_NAMES = frozenset({"tumor", "tumour", "_0", "_1", "metastasis", "metastases"})
_EXCLUSION_NAMES = frozenset({"_2", "exclusion", "exclude", "excluded", "ignore", "ignore*"})
_NO_NAMES = frozenset({"", "none", "unclassified"})

_MEANT = frozenset({TUMOUR, EXCLUSION, REJECTED, DISAGREED})

_EDGE_TOLERANCE = 0.01
"""Part of the slide's side by which a line may leave the slide: annotators draw over the edge."""


def kind_of(group: str, tumour_names: Iterable[str] = ()) -> str:
    """The kind of a region whose file calls its class `group`: one of those above, or the name.

    `tumour_names` are further names that mean tumour, whatever their case. Of a class derived in QuPath's way
    ("Tumor: Positive") the part before the colon counts.
    """
    name = group.partition(":")[0].strip()
    lower = name.lower()
    if lower in _TUMOUR_NAMES or group.strip().lower() in {each.strip().lower() for each in tumour_names}:
        return TUMOUR
    if lower in _EXCLUSION_NAMES:
        return EXCLUSION
    if lower in (REJECTED, DISAGREED):
        return lower
    return UNCLASSIFIED if lower in _NO_NAMES else name


@dataclass(frozen=True)
class Region:
    """One drawn region."""

    polygon: Geometry
    """Valid and not empty, level-0 pixels; a repaired line or a GeoJSON feature may be of several parts."""
    kind: str
    """`TUMOUR`, `EXCLUSION` (taken out of every tumour region), `UNCLASSIFIED`, `REJECTED`, `DISAGREED` or another
    class's name."""
    name: str = ""
    group: str = ""
    """The class as the file calls it."""


@dataclass(frozen=True)
class Annotations:
    """All regions of one file."""

    regions: tuple[Region, ...]
    path: Path | None = None
    warnings: tuple[str, ...] = field(default=())
    """What a reader should know: lines that were repaired, elements without an area, names of no known class."""
    corner: Literal["scanned area", "canvas"] = "scanned area"
    """What the file counts level-0 pixels from; see `annotations.placement`."""
    without_area: tuple[tuple[str, str], ...] = field(default=())
    """(class as the file calls it, kind) of each element that was left out because it encloses nothing."""
    tumour_without_area: tuple[str, ...] = field(default=())
    """What tumour was drawn as where that has no area, such as LineString: where the tumour ends is not known."""
    reviewed: Reviewed | None = None
    """How much of the slide a review of what a model found speaks of; None: it is no review, and complete."""

    def of(self, kind: str) -> tuple[Region, ...]:
        """The regions of one kind."""
        return tuple(region for region in self.regions if region.kind == kind)

    @property
    def unnamed(self) -> tuple[str, ...]:
        """Where classes are drawn and none of them is tumour, those that could mean it; empty otherwise."""
        return () if self.of(TUMOUR) or self.tumour_without_area else tuple(sorted(self.passed_over))

    @property
    def passed_over(self) -> Counter[str]:
        """Classes that mean neither tumour nor exclusion, as the file calls them, and how often each is drawn."""
        drawn = [(region.group, region.kind) for region in self.regions] + list(self.without_area)
        return Counter(group or "none" for group, kind in drawn if kind not in _MEANT)

    @property
    def shapes_without_area(self) -> str:
        """What tumour without an area was drawn as."""
        return ", ".join(sorted(set(self.tumour_without_area)))

    def check_named(self) -> None:
        """Refuse regions none of which is called tumour.

        Raises:
            AnnotationError: There are such regions, which a reviewer did not reject.
        """
        if self.unnamed:
            raise AnnotationError(
                f"{self.path}: no region is called tumour, the classes are: {', '.join(self.unnamed)}; say which mean "
                "tumour (--tumour-name), or remove the file if the slide has none"
            )

    def check_tumour(self) -> None:
        """Refuse a file that does not say where the tumour is: none of its regions is called so, or one has no area.

        Raises:
            AnnotationError: It is such a file.
        """
        self.check_named()
        if self.tumour_without_area:
            raise AnnotationError(
                f"{self.path}: tumour is drawn as {self.shapes_without_area}, which has no area: where it ends is not "
                "known; draw a closed outline around it, or delete it"
            )

    @property
    def counts(self) -> dict[str, int]:
        """The number of regions of each kind."""
        return dict(Counter(region.kind for region in self.regions))

    @cached_property
    def tumour(self) -> Geometry:
        """The union of all tumour regions without the exclusions, level-0 pixels; empty where there is none."""
        tumour = shapely.union_all([region.polygon for region in self.of(TUMOUR)])
        return shapely.difference(tumour, shapely.union_all([region.polygon for region in self.of(EXCLUSION)]))

    def tumour_area_mm2(self, slide_mpp: "Mpp") -> float:
        """The area of `tumour` in mm²."""
        return area_mm2(self.tumour, slide_mpp)

    def check_within(self, slide_width: int, slide_height: int, slide_name: str = "the slide") -> None:
        """Refuse annotations that were drawn on another slide.

        Raises:
            AnnotationError: A region reaches beyond the slide by more than 1 % of its side.
        """
        slack_x, slack_y = _EDGE_TOLERANCE * slide_width, _EDGE_TOLERANCE * slide_height
        for region in self.regions:
            left, top, right, bottom = region.polygon.bounds
            if left < -slack_x or top < -slack_y or right > slide_width + slack_x or bottom > slide_height + slack_y:
                raise AnnotationError(
                    f"{self.path or 'the annotation'}: region {region.name or '?'!r} spans x {left:.0f} to {right:.0f} "
                    f"and y {top:.0f} to {bottom:.0f} level-0 pixels, outside {slide_name} of {slide_width} × "
                    f"{slide_height}; this is the annotation of another slide, or not in level-0 pixels"
                )


def area_mm2(polygon: Geometry, slide_mpp: "Mpp") -> float:
    """The area in mm² of a geometry in level-0 pixels."""
    return float(polygon.area) * slide_mpp.x * slide_mpp.y * 1e-6


def parts(polygon: Geometry) -> list[Geometry]:
    """The polygons that a geometry is made of; points and lines that it has besides are left out."""
    return [part for part in shapely.get_parts(polygon) if part.geom_type == "Polygon" and not part.is_empty]
