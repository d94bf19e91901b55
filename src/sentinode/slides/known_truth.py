"""Slides whose tumour is known because they were made: their files, and the table of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.csv_output import write_csv
from sentinode.slides.annotations.asap import write_asap
from sentinode.slides.annotations.regions import TUMOUR, Annotations, Geometry, Region


@dataclass(frozen=True)
class KnownSlide:
    """A slide that was made, `NAME.tif`; with tumour it has its lesions in `NAME.xml`."""

    name: str
    lesions: int


def write_lesion_outlines(folder: Path, name: str, lesions: Sequence[Geometry]) -> KnownSlide:
    """Write the lesions' outlines (level-0 pixels) as `NAME.xml` in `folder`; no file where there is none."""
    regions = tuple(Region(lesion, TUMOUR, f"Annotation {n}", "Tumor") for n, lesion in enumerate(lesions))
    if regions:
        write_asap(Annotations(regions), folder / f"{name}.xml")
    return KnownSlide(name, len(regions))


def write_table(folder: Path, slides: Sequence[KnownSlide]) -> None:
    """Write `slides.csv`: slide (file name), label (1: tumour), lesions."""
    rows = ([f"{slide.name}.tif", int(slide.lesions > 0), slide.lesions] for slide in slides)
    write_csv(folder / "slides.csv", ("slide", "label", "lesions"), rows)
