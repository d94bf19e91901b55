"""A whole slide, open: facts, pixels at any µm/px, the slide as a picture, its tissue."""

from pathlib import Path
from typing import TYPE_CHECKING, Self

from sentinode.core.extras import job
from sentinode.face.arguments import as_path
from sentinode.face.notebook import png
from sentinode.slides.slide import Slide as ReadSlide
from sentinode.slides.slide import open_slide as open_by_reader

if TYPE_CHECKING:
    from sentinode.slides.tissue.tissue_mask import TissueMask

_PICTURE_PX = 512


class Slide(ReadSlide):
    """An open slide, as `sn.open_slide` gives it. A notebook shows its picture."""

    @job("scan")
    def tissue(self) -> "TissueMask":
        """Where tissue is, by rules; ink, borders and blur are left out.

        Returns:
            Its `mask` is (h, w) bool at `mpp` µm/px, its `tissue_mm2` the area in mm².

        Examples:
            >>> with sn.open_slide("slide.tif") as slide:
            ...     slide.tissue().mask.dtype
            dtype('bool')

        Raises:
            SlideError: The slide's µm/px is unknown, or it can't be read.
        """
        from sentinode.slides.tissue.tissue_mask import tissue_mask

        return tissue_mask(self)

    def __enter__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return f"Slide({self.path.name}, {self.width:,} × {self.height:,} px, {self.facts.reader})"

    def _repr_png_(self) -> bytes:
        return png(self.thumbnail(max_side=_PICTURE_PX))


@job("scan")
def open_slide(
    path: str | Path, *, reader: str | None = None, mpp: float | None = None, series: int | None = None
) -> Slide:
    """Open a whole slide, or a plain image.

    Args:
        path: The slide's file.
        reader: `tiff`, `openslide`, `image`, one of another package, or `auto`, the default: the first that reads it.
        mpp: µm/px of level 0, in place of what the file says.
        series: Which of several pictures in a TIFF, from 0; None: the only one.

    Returns:
        A context manager; reading is thread-safe.

    Examples:
        >>> with sn.open_slide("slide.tif") as slide:
        ...     slide.read_at(0.972, 96, 0, 224, 224).shape  # µm/px, level-0 x and y, width, height
        (224, 224, 3)
        >>> slide.facts.reader, slide.facts.levels[0].width
        ('tiff', 960)

    Raises:
        ArgumentError: `path` is neither a text nor a path.
        SlideNotFoundError: There is no such file.
        SlideError: No reader, or not the one asked for, opens it.
    """
    opened = open_by_reader(as_path("path", path, '"node.svs"'), reader=reader or "auto", mpp=mpp, series=series)
    return Slide(opened.reader, mpp)
