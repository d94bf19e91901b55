"""`lesions.geojson`: lesions as annotations that QuPath opens, with their measurements."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentinode.core.extras import require
from sentinode.core.files import write_text
from sentinode.scanning.lesions import OutlinedLesion
from sentinode.scanning.scan_record import LESIONS_FILE

shapely = require("shapely", extra="scan")

_COLOURS = {"ITC": [86, 180, 233], "micro": [230, 159, 0], "macro": [213, 94, 0]}
"""Okabe and Ito's sky blue, orange and vermillion: told apart with any colour vision."""
_NAMES = {"ITC": "isolated tumour cells", "micro": "micrometastasis", "macro": "macrometastasis"}
_PLACES = uuid.UUID("8a5e2f4e-94f5-5d0b-8d0c-0b9a3c1d7e10")
_DECIMALS = 2


def write_lesions(folder: Path, slide: str, lesions: Sequence[OutlinedLesion]) -> None:
    """Write `lesions.geojson`: a feature for each lesion in the order of rank, coordinates in level-0 pixels."""
    features = [_feature(slide, one) for one in lesions]
    text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1, ensure_ascii=False)
    write_text(folder / LESIONS_FILE, text + "\n")


def _feature(slide: str, one: OutlinedLesion) -> dict[str, Any]:
    lesion = one.lesion
    outline = json.loads(shapely.to_geojson(shapely.set_precision(one.outline, 10**-_DECIMALS)))
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_PLACES, f"{slide}/{lesion.rank}")),  # QuPath wants one; the same scan gives the same
        "geometry": outline,
        "properties": {
            "objectType": "annotation",
            "name": f"{lesion.rank}: {_NAMES[lesion.size_class]}",
            # A class derived from QuPath's own "Tumor", so that scripts that look for tumour find it.
            "classification": {"name": f"Tumor: {lesion.size_class}", "color": _COLOURS[lesion.size_class]},
            "isLocked": False,
            "measurements": {
                "Rank": lesion.rank,
                "Score max": lesion.score_max,
                "Score mean": lesion.score_mean,
                "Area mm^2": lesion.area_mm2,
                "Longest diameter µm": lesion.diameter_um,
                "Cells": lesion.cells,
                "Centroid X px": lesion.centroid_x,
                "Centroid Y px": lesion.centroid_y,
            },
        },
    }
