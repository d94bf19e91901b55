"""Writing annotations in each of the forms that can be read."""

from pathlib import Path

from sentinode.core.files import write_text
from sentinode.slides.annotations.asap import render_asap
from sentinode.slides.annotations.flat_regions import flatten
from sentinode.slides.annotations.geojson import render_geojson
from sentinode.slides.annotations.polygons import render_polygons
from sentinode.slides.annotations.regions import Annotations


def write_asap(annotations: Annotations, path: Path) -> None:
    """Write ASAP XML: groups Tumor and Exclusion, other classes under their name; a hole is an exclusion."""
    write_text(path, render_asap(flatten(annotations.regions)))


def write_geojson(annotations: Annotations, path: Path) -> None:
    """Write GeoJSON as QuPath reads it: classes Tumor and Ignore*, other classes under their name."""
    write_text(path, render_geojson(annotations.regions))


def write_polygons(annotations: Annotations, path: Path) -> None:
    """Write polygons JSON: tumour is positive; holes and exclusions are negative.

    Raises:
        AnnotationError: There are other classes, for which this form has no place.
    """
    write_text(path, render_polygons(flatten(annotations.regions)))
