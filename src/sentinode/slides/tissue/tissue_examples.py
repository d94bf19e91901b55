"""A user's own tissue masks: images of any scale, or annotations, matched to their slides by name."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.errors import AnnotationError, DataError, DataNotFoundError
from sentinode.core.images import read_image
from sentinode.core.messages import agree
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.annotations.placement import placed
from sentinode.slides.annotations.raster import rasterise_polygons
from sentinode.slides.annotations.regions import EXCLUSION, Annotations
from sentinode.slides.slide import Slide
from sentinode.slides.tissue.tissue_fit import TissueExample

_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
_ASPECT_TOLERANCE = 0.02


def read_example(slide: Slide, masks: AnnotationFolder, mpp: float) -> TissueExample:
    """A slide's overview at `mpp` µm/px with its mask from the folder `masks`.

    The mask is NAME.png (or .tif, .bmp) of any scale, not 0 where there is tissue; or NAME.xml, .geojson or .json,
    whose regions, of whatever class, are tissue, except exclusions.

    Raises:
        DataNotFoundError: The folder, or a mask of this slide in it, is not there.
        DataError: A mask of another shape than the slide, or several for one slide.
        AnnotationError: See `read_annotations`; or the annotation is of another slide.
    """
    overview = slide.thumbnail(mpp=mpp)
    annotation = masks.of(slide.name)
    images = [path for path in (masks.path / f"{slide.name}{suffix}" for suffix in _SUFFIXES) if path.is_file()]
    found = images + ([annotation] if annotation else [])
    if not found:
        raise DataNotFoundError(
            f"{masks.path} has no {slide.name}.png, .xml, .geojson or .json; draw the tissue of that slide"
        )
    if len(found) > 1:
        raise DataError(
            f"{masks.path} has {', '.join(path.name for path in found)} for one slide; keep the one that is meant"
        )
    if images:
        return TissueExample(slide.name, overview, _from_image(images[0], slide, overview))
    drawn = placed(read_annotations(found[0]), slide.extent)
    return TissueExample(slide.name, overview, _from_annotation(drawn, slide, overview, mpp), drawn.warnings)


def _from_image(path: Path, slide: Slide, overview: NDArray[np.uint8]) -> NDArray[np.bool_]:
    mask = read_image(path).any(axis=2)
    height, width = mask.shape
    ratio = (width / height) / (slide.width * slide.mpp.x / (slide.height * slide.mpp.y))
    plain = (width / height) / (slide.width / slide.height)
    # A side of n pixels is rounded by up to one. A mask may be drawn on square µm or on the slide's own pixels.
    tolerance = _ASPECT_TOLERANCE + 1 / min(width, height)
    if min(abs(ratio - 1), abs(plain - 1)) > tolerance:
        raise DataError(
            f"{path} of {width} × {height} pixels has another shape than {slide.name} of {slide.width} × "
            f"{slide.height}; use a mask of the whole slide"
        )
    size = (overview.shape[1], overview.shape[0])
    small = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.asarray(small) >= 128


def _from_annotation(
    annotations: Annotations, slide: Slide, overview: NDArray[np.uint8], mpp: float
) -> NDArray[np.bool_]:
    if annotations.without_area:
        raise AnnotationError(
            f"{annotations.path}: "
            f"{agree(len(annotations.without_area), 'element encloses', 'elements enclose')} no area, so "
            "what is tissue there is not known; draw closed outlines, or delete them"
        )
    height, width = overview.shape[:2]

    def drawn(*, excluded: bool) -> NDArray[np.bool_]:
        polygons = [one.polygon for one in annotations.regions if (one.kind == EXCLUSION) == excluded]
        scale_x, scale_y = mpp / slide.mpp.x, mpp / slide.mpp.y
        return rasterise_polygons(polygons, width=width, height=height, downsample_x=scale_x, downsample_y=scale_y)

    return drawn(excluded=False) & ~drawn(excluded=True)
