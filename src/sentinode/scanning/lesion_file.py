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
_SUSPICIOUS = [204, 121, 167]
"""Their reddish purple."""
_NAMES = {"ITC": "isolated tumour cells", "micro": "micrometastasis", "macro": "macrometastasis"}
_PLACES = uuid.UUID("8a5e2f4e-94f5-5d0b-8d0c-0b9a3c1d7e10")
_DECIMALS = 2


def write_lesions(folder: Path, slide: str, lesions: Sequence[OutlinedLesion], called: int | None = None) -> None:
    """Write `lesions.geojson`: a feature for each lesion in the order of rank, coordinates in level-0 pixels.

    Args:
        folder: Of the scan.
        slide: Its name.
        lesions: All that is to be written.
        called: How many of them, from the first on, are lesions; the others are suspicious. None: all are.
    """
    count = len(lesions) if called is None else called
    features = [_feature(slide, one, suspicious=place >= count) for place, one in enumerate(lesions)]
    text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1, ensure_ascii=False)
    write_text(folder / LESIONS_FILE, text + "\n")


def _feature(slide: str, one: OutlinedLesion, *, suspicious: bool) -> dict[str, Any]:
    lesion = one.lesion
    outline = json.loads(shapely.to_geojson(shapely.set_precision(one.outline, 10**-_DECIMALS)))
    # A class derived from QuPath's own "Tumor", so that scripts that look for tumour find it; what is only suspicious
    # has one that they don't find.
    name, colour = (
        ("Suspicious", _SUSPICIOUS) if suspicious else (f"Tumor: {lesion.size_class}", _COLOURS[lesion.size_class])
    )
    sure = {} if lesion.probability is None else {"Probability": lesion.probability}
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_PLACES, f"{slide}/{lesion.rank}")),  # QuPath wants one; the same scan gives the same
        "geometry": outline,
        "properties": {
            "objectType": "annotation",
            "name": f"{lesion.rank}: {'suspicious' if suspicious else _NAMES[lesion.size_class]}",
            "classification": {"name": name, "color": colour},
            "isLocked": False,
            "measurements": {
                "Rank": lesion.rank,
                **sure,
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
