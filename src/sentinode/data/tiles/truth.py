"""What is known of a slide's tumour: its annotation, and what a reviewer of a scan said since."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sentinode.core.errors import AnnotationError
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.placement import placed
from sentinode.slides.annotations.regions import REJECTED, TUMOUR, Annotations, Region, parts, shapely
from sentinode.slides.slide_extent import SlideExtent


@dataclass(frozen=True)
class Truth:
    """What tiles of a slide are labelled by."""

    annotations: Annotations | None
    """None: there is no tumour."""
    complete: bool
    """Whether all of the slide's tumour is among it. If not, what is neither tumour nor rejected is not known."""
    review: Annotations | None = None
    """What of it a reviewer said."""


def read_files(
    files: Sequence[Path], tumour_names: Sequence[str] = ()
) -> tuple[Annotations | None, Annotations | None]:
    """A slide's annotation and the review of its scan, each None where there is none.

    Raises:
        AnnotationError: A file can't be read, there are two of a kind, or one does not say where the tumour is.
    """
    kinds = by_kind(files, tumour_names)
    for read in kinds:
        if read is not None:
            read.check_tumour()
    return kinds


def by_kind(files: Sequence[Path], tumour_names: Sequence[str] = ()) -> tuple[Annotations | None, Annotations | None]:
    """As `read_files`, whatever the files say.

    Raises:
        AnnotationError: A file can't be read, or there are two of a kind.
    """
    found: dict[bool, Annotations] = {}
    for file in files:
        read = read_annotations(file, tumour_names)
        other = found.setdefault(read.reviewed is not None, read)
        if other is not read:
            kind = "annotations" if read.reviewed is None else "reviews"
            raise AnnotationError(f"{other.path} and {file} are {kind} of one slide; keep the one that is meant")
    return found.get(False), found.get(True)


def read_placed(
    files: Sequence[Path], extent: SlideExtent, tumour_names: Sequence[str] = ()
) -> tuple[Annotations | None, Annotations | None]:
    """As `read_files`, where they lie on the slide.

    Raises:
        AnnotationError: See `read_files`; or a file was drawn on another slide.
    """
    annotation, review = read_files(files, tumour_names)
    return annotation and placed(annotation, extent), review and placed(review, extent)


def truth_of(annotation: Annotations | None, review: Annotations | None, *, complete: bool) -> Truth:
    """The annotation as the review amends it: without what was rejected, with what was accepted or drawn.

    A review of a part of the slide says nothing of the rest. A slide that was completely annotated stays so, until
    the review finds tumour away from all that was annotated: then more may have been missed.

    Args:
        annotation: None where there is none.
        review: None where there is none.
        complete: Whether the annotation names all of the slide's tumour; without one, whether it is known to have none.
    """
    if review is None:
        return Truth(annotation, complete)
    rejected = shapely.union_all([region.polygon for region in review.of(REJECTED)])
    known = () if annotation is None else annotation.regions
    regions = [left for region in known for left in _without(region, rejected)]
    news = any(
        not any(shapely.intersects(found.polygon, old.polygon) for old in known if old.kind == TUMOUR)
        for found in review.of(TUMOUR)
    )
    warnings = (*(annotation.warnings if annotation else ()), *review.warnings)
    amended = replace(review, regions=(*regions, *review.regions), warnings=warnings)
    return Truth(amended, review.reviewed == "whole" or (complete and not news), review)


def _without(region: Region, rejected: object) -> list[Region]:
    if region.kind != TUMOUR:
        return [region]
    left = parts(shapely.difference(region.polygon, rejected))
    return [replace(region, polygon=shapely.union_all(left))] if left else []
