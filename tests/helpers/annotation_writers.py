"""Annotations written in the forms that the package itself only reads, or writes for a review alone."""

import json
from pathlib import Path
from typing import Any

from sentinode.slides.annotations.flat_regions import flatten
from sentinode.slides.annotations.geojson import render_geojson
from sentinode.slides.annotations.polygons import GROUPS, numbers
from sentinode.slides.annotations.regions import Annotations


def write_geojson(annotations: Annotations, path: Path) -> None:
    """Write GeoJSON as QuPath reads it: classes Tumor and Ignore*, other classes under their name."""
    path.write_text(render_geojson(annotations.regions), encoding="utf-8")


def write_polygons(annotations: Annotations, path: Path) -> None:
    """Write polygons JSON: tumour is positive; holes and exclusions are negative. It has no place for other classes."""
    groups = {kind: group for group, kind in GROUPS.items()}
    lists: dict[str, list[dict[str, Any]]] = {group: [] for group in GROUPS}
    for region in flatten(annotations.regions):
        lists[groups[region.kind]].append({"name": region.name, "vertices": numbers(region.ring)})
    path.write_text(json.dumps(lists, ensure_ascii=False), encoding="utf-8")
