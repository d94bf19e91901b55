"""Slides whose tumour is known because they were made: their files, and the table of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.distance import pdist

from sentinode.core.csv_output import write_csv
from sentinode.core.extras import require
from sentinode.slides.annotations.asap import write_asap
from sentinode.slides.annotations.regions import TUMOUR, Annotations, Geometry, Region

shapely = require("shapely", extra="scan")


@dataclass(frozen=True)
class KnownSlide:
    """A slide that was made, `NAME.tif`; with tumour it has its lesions in `NAME.xml`."""

    name: str
    lesions: int
    largest_um: float = 0.0
    """Longest diameter of its largest lesion in µm; 0 without any."""


def write_lesion_outlines(folder: Path, name: str, lesions: Sequence[Geometry], mpp: float) -> KnownSlide:
    """Write the lesions' outlines (level-0 pixels of `mpp` µm) as `NAME.xml` in `folder`; without any, no file."""
    regions = tuple(Region(lesion, TUMOUR, f"Annotation {n}", "Tumor") for n, lesion in enumerate(lesions))
    if regions:
        write_asap(Annotations(regions), folder / f"{name}.xml")
    return KnownSlide(name, len(regions), mpp * max(map(_diameter, lesions), default=0.0))


def write_table(folder: Path, slides: Sequence[KnownSlide]) -> None:
    """Write `slides.csv`: slide (file name), label (1: tumour), lesions, longest diameter of the largest in µm."""
    rows = ([f"{slide.name}.tif", int(slide.lesions > 0), slide.lesions, f"{slide.largest_um:.1f}"] for slide in slides)
    write_csv(folder / "slides.csv", ("slide", "label", "lesions", "largest_um"), rows)


def _diameter(lesion: Geometry) -> float:
    """The longest distance between two points, in pixels."""
    hull = shapely.get_coordinates(shapely.convex_hull(lesion))
    return float(np.max(pdist(hull), initial=0.0))
