"""`synthetic:slides`: drawn lymph nodes as slide files, with the exact outlines of their metastases.

They show that everything works, and how well the machinery does; they say nothing about real tissue.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from sentinode.core.extras import require
from sentinode.core.files import atomic_folder
from sentinode.core.result_folder import check_empty
from sentinode.slides.annotations.regions import Geometry, parts
from sentinode.slides.enlargement import enlarge
from sentinode.slides.known_truth import KnownSlide, write_lesion_outlines, write_table
from sentinode.slides.mpp import Mpp
from sentinode.slides.pyramid import write_pyramid
from sentinode.slides.reader import Pixels
from sentinode.slides.synthetic.cells import Array
from sentinode.slides.synthetic.node import GRID_PX, PAINT_MPP, Anatomy
from sentinode.slides.synthetic.painter import Painter
from sentinode.slides.synthetic.scanner_stains import Stains

measure = require("skimage.measure", extra="scan")
shapely = require("shapely", extra="scan")

SCALE = 2
"""Level-0 pixels for a paint pixel: 0.486 µm/px, as scanned at 20×. Level 1 shows what was painted."""

_BAND = 256
"""Paint pixels painted at a time."""


def draw_slides(
    out: Path,
    *,
    slides: int,
    width: int = 8192,
    height: int = 6144,
    seed: int = 0,
    advance: Callable[[], object] = lambda: None,
) -> list[KnownSlide]:
    """Draw `slides` slides of `width` × `height` level-0 pixels of 0.486 µm; every second one has tumour.

    Args:
        out: The folder to make: `NAME.tif`, `NAME.xml` (ASAP; tumour slides only) and `slides.csv`.
        slides: How many.
        width: Of level 0, in pixels.
        height: Of level 0, in pixels.
        seed: Of all that is drawn.
        advance: Called after each slide.

    Raises:
        StorageError: `out` holds something, or can't be written.
    """
    check_empty(out)
    known = []
    with atomic_folder(out) as folder:
        for number in range(slides):
            name = f"{'tumour' if number % 2 else 'normal'}_{number:03d}"
            rng = np.random.default_rng([seed, number])
            paint_width, paint_height = -(-width // SCALE), -(-height // SCALE)
            anatomy = Anatomy.draw(rng, paint_width, paint_height, tumour=bool(number % 2), extras=number)
            painter = Painter(anatomy, Stains.draw(rng), paint_width, [seed, number])
            bands = _bands(painter, width, height)
            mpp = Mpp(PAINT_MPP / SCALE, PAINT_MPP / SCALE)
            write_pyramid(folder / f"{name}.tif", bands, width=width, height=height, mpp=mpp)
            known.append(write_lesion_outlines(folder, name, outlines(anatomy.tumour, width, height), mpp.x))
            advance()
        write_table(folder, known)
    return known


def _bands(painter: Painter, width: int, height: int) -> Iterator[Pixels]:
    for start in range(0, height, _BAND * SCALE):
        stop = min(start + _BAND * SCALE, height)
        rows = enlarge(painter.rows(start // SCALE, -(-stop // SCALE)), SCALE)
        yield rows[: stop - start, :width]


def outlines(tumour: Array, width: int, height: int) -> list[Geometry]:
    """The outline of each metastasis in level-0 pixels: where the tumour field, between its points linear, is 0."""
    labels, count = ndimage.label(tumour > 0)
    found = []
    for number in range(1, count + 1):
        # Points of other lesions are outside; the frame closes what reaches the edge.
        alone = np.pad(np.where((labels == number) | (tumour <= 0), tumour, -1.0), 1, constant_values=-1.0)
        rings = [(ring[:, ::-1] - 1) * GRID_PX * SCALE for ring in measure.find_contours(alone, 0.0) if len(ring) > 3]
        inside = shapely.intersection(_filled(rings), shapely.box(0, 0, width, height))
        found += parts(inside)
    return found


def _filled(rings: list[Array]) -> Geometry:
    """The area of rings of which those inside others are holes."""
    area = shapely.Polygon()
    for ring in sorted(rings, key=lambda ring: -float(shapely.Polygon(ring).area)):
        area = shapely.symmetric_difference(area, shapely.make_valid(shapely.Polygon(ring)))
    return area
