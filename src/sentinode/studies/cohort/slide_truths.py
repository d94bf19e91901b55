"""What a folder of annotations says of scanned slides: their targets, and what of it could not be used."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinode.metrics.froc.masks import MASK_MPP, EvaluationMask, evaluation_mask
from sentinode.scanning.scan_record import SlideFacts
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.annotation_folder import AnnotationFolder, unused_note
from sentinode.slides.annotations.camelyon import known_trap
from sentinode.slides.annotations.placement import placed
from sentinode.slides.annotations.raster import rasterise
from sentinode.slides.annotations.regions import Annotations
from sentinode.slides.slide_names import SlideNames


@dataclass(frozen=True, eq=False)
class SlideTruth:
    """What is known of one slide."""

    mask: EvaluationMask | None = None
    """Its targets; None: it is normal."""
    notes: tuple[str, ...] = ()
    """What was mended in its annotation."""
    left_out: str | None = None
    """Why nothing can be measured on it."""


class SlideTruths:
    """Annotations of slides, each read when it is asked for."""

    def __init__(self, folder: Path, slides: SlideNames, tumour_names: Sequence[str] = ()) -> None:
        """Look at the names in a folder of annotations.

        Args:
            folder: With NAME.xml, NAME.geojson or NAME.json of slides with tumour.
            slides: The slides.
            tumour_names: Class names that mean tumour, besides the usual.

        Raises:
            DataNotFoundError: There is no such folder.
        """
        self._folder = AnnotationFolder(folder, slides)
        self._tumour_names = tuple(tumour_names)
        self._passed_over: Counter[str] = Counter()
        self._mended: dict[str, tuple[str, ...]] = {}

    @property
    def unused(self) -> list[str]:
        """Names of the files that belong to none of the slides."""
        return [file.name for file in self._folder.unused]

    @property
    def passed_over(self) -> list[str]:
        """Classes, of the annotations read so far, that mean neither tumour nor exclusion."""
        return sorted(self._passed_over)

    def notes(self) -> list[str]:
        """Sentences on what was mended in the annotations read so far, and on what was not used."""
        unused = unused_note(self.unused)
        drawn = ", ".join(f"{group} ({self._passed_over[group]})" for group in self.passed_over)
        return [
            *(f"{name}: {text.rstrip('.')}." for name, texts in self._mended.items() for text in texts),
            *([f"Of the annotations {unused}."] if unused else []),
            *([f"Classes that were passed over, with the number of regions: {drawn}."] if drawn else []),
        ]

    def read(self, slide_name: str) -> Annotations | None:
        """The annotation of a slide, None where there is no file.

        Raises:
            AnnotationError: It can't be read, or calls no region tumour.
        """
        path = self._folder.of(slide_name)
        if path is None:
            return None
        drawn = read_annotations(path, self._tumour_names)
        drawn.check_named()
        self._passed_over.update(drawn.passed_over)
        self._mended[slide_name] = drawn.warnings
        return drawn

    def placed_on(self, slide: SlideFacts) -> Annotations | None:
        """The same, counted from the corner of the slide.

        Raises:
            AnnotationError: See `read`; or it was drawn on another slide.
        """
        drawn = self.read(slide.name)
        if drawn is None:
            return None
        drawn = placed(drawn, slide.extent)
        self._mended[slide.name] = drawn.warnings
        return drawn

    def of(self, slide: SlideFacts) -> SlideTruth:
        """The truth of a slide; without a file it is normal.

        Raises:
            AnnotationError: Its annotation can't be read, is that of another slide, or calls no region tumour.
        """
        trap = known_trap(slide.name)
        if trap is not None:
            return SlideTruth(left_out=trap)
        drawn = self.placed_on(slide)
        if drawn is None:
            return SlideTruth()
        if left_out := not_known(drawn):
            return SlideTruth(left_out=f"{slide.name}: {left_out}")
        if drawn.tumour.is_empty:
            return SlideTruth(notes=(*drawn.warnings, "Its annotation has no tumour."))
        return SlideTruth(_mask(drawn, slide), drawn.warnings)


def not_known(drawn: Annotations) -> str:
    """Why an annotation does not say where its slide has tumour, and where not; empty where it does."""
    if drawn.tumour_without_area:
        return f"its tumour is drawn as {drawn.shapes_without_area}, which has no area"
    return "its annotation is a review of a part of it" if drawn.reviewed == "part" else ""


def _mask(drawn: Annotations, slide: SlideFacts) -> EvaluationMask:
    down_x, down_y = MASK_MPP / slide.mpp_x, MASK_MPP / slide.mpp_y
    tumour = rasterise(
        drawn, width=math.ceil(slide.width / down_x), height=math.ceil(slide.height / down_y),
        downsample_x=down_x, downsample_y=down_y,
    )  # fmt: skip
    return evaluation_mask(tumour, mpp_x=MASK_MPP, mpp_y=MASK_MPP)
