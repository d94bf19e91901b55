"""From lines in a file to valid regions: what was repaired or left out is told, never hidden."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import AnnotationError
from sentinode.slides.annotations.regions import (
    TUMOUR,
    Annotations,
    Geometry,
    Region,
    Reviewed,
    kind_of,
    parts,
    shapely,
)
from sentinode.slides.annotations.repair import repaired
from sentinode.slides.annotations.tangle import TooTangledError

_COLLAPSED = "a line that encloses nothing"

Ring = NDArray[np.float64]
"""(N, 2) x, y in level-0 pixels; whether the first place comes again at the end does not matter."""


class RegionBuilder:
    """Collects the regions of one file and the warnings about them."""

    def __init__(self, source: str, tumour_names: Iterable[str] = ()) -> None:
        """`source` names the file in messages; `tumour_names` are further class names that mean tumour."""
        self.source = source
        self.regions: list[Region] = []
        self.warnings: list[str] = []
        self.reviewed: Reviewed | None = None
        self._tumour_names = tuple(tumour_names)
        self._without_places = 0
        self._without_area: list[tuple[str, str, str]] = []  # class in the file, kind, what it is
        self._passed_over: Counter[str] = Counter()

    def add(self, polygons: Sequence[Sequence[Ring]], *, group: str, name: str) -> None:
        """Add one region of one or several polygons, each an outer ring and its holes.

        A line that crosses itself is repaired: what it winds around belongs to the region, so an overlap where a drawn
        line closes stays inside, and both halves of an eight are kept.

        Raises:
            AnnotationError: A coordinate is not a finite number, or a line crosses itself too often.
        """
        name_shown = repr(name) if name else f"number {len(self.regions) + 1}"
        if not any(len(ring) for rings in polygons for ring in rings[:1]):
            self._without_places += 1
            self._lacks_area(group, _COLLAPSED)
            self.warnings.append(f"region {name_shown} has no coordinates; it is left out")
            return
        drawn = [self._polygon(rings, name_shown) for rings in polygons if rings]
        whole = [polygon for polygon in drawn if polygon is not None]
        if not whole:
            self._lacks_area(group, _COLLAPSED)
            self.warnings.append(f"region {name_shown} encloses no area; it is left out")
            return
        polygon = whole[0] if len(whole) == 1 else shapely.union_all(whole)
        self.regions.append(Region(polygon, kind_of(group, self._tumour_names), name, group))

    def mark(self, reviewed: object) -> None:
        """Take what the file says of how much of the slide was reviewed; None where it is no review.

        Raises:
            AnnotationError: It says something that means nothing.
        """
        if reviewed == "part" or reviewed == "whole":
            self.reviewed = reviewed
        elif reviewed is not None:
            raise AnnotationError(
                f"{self.source} is the review of {str(reviewed)[:40]!r}; write part or whole, or export it again"
            )

    def leave_out(self, what: str, group: str) -> None:
        """Leave out an element that has no area, such as a line, and note its class: it may be tumour."""
        self._lacks_area(group, what)

    def pass_over(self, what: str) -> None:
        """Leave out an element that nobody drew, such as a detected cell."""
        self._passed_over[what] += 1

    def finish(self, path: Path) -> Annotations:
        """All that was collected.

        Raises:
            AnnotationError: There are regions, and none has a coordinate.
        """
        if self._without_places and not self.regions:
            raise AnnotationError(
                f"{self.source} has {self._without_places} region(s) and no coordinates; export it again"
            )
        lines = Counter(what for _, _, what in self._without_area if what != _COLLAPSED)
        self.warnings += [f"{count} × {what}: not an area; left out" for what, count in lines.items()]
        self.warnings += [f"{count} × {what}: nobody drew it; left out" for what, count in self._passed_over.items()]
        # A stray click beside outlined tumour is no tumour of its own; a line or a point that is called so is.
        outlined = any(region.kind == TUMOUR for region in self.regions)
        tumour = [what for _, kind, what in self._without_area if kind == TUMOUR]
        return Annotations(
            tuple(self.regions), path, tuple(self.warnings),
            without_area=tuple((group, kind) for group, kind, _ in self._without_area),
            tumour_without_area=tuple(what for what in tumour if what != _COLLAPSED or not outlined),
            reviewed=self.reviewed,
        )  # fmt: skip

    def _lacks_area(self, group: str, what: str) -> None:
        self._without_area.append((group, kind_of(group, self._tumour_names), what))

    def _polygon(self, rings: Sequence[Ring], name_shown: str) -> Geometry | None:
        """One valid polygon or multipolygon; None where nothing is enclosed."""
        for ring in rings:
            if not np.isfinite(ring).all():
                raise AnnotationError(
                    f"{self.source}: region {name_shown} has a coordinate that is not a finite number; export it again"
                )
        if len(np.unique(rings[0], axis=0)) < 3:
            return None
        polygon = shapely.Polygon(rings[0], [hole for hole in rings[1:] if len(np.unique(hole, axis=0)) >= 3])
        try:
            mended = repaired(polygon)
        except TooTangledError as error:
            raise AnnotationError(f"{self.source}: region {name_shown} can't be repaired: {error}") from error
        if mended is not None and mended is not polygon:
            reason = shapely.is_valid_reason(polygon)
            self.warnings.append(
                f"the line of region {name_shown} is not simple ({reason}); repaired to {mended.area:,.0f} px² "
                f"in {len(parts(mended))} part(s)"
            )
        return mended
