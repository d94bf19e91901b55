"""The inspection's page: one HTML file that needs nothing else, for the screen (light and dark) and for paper."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from sentinode.data.inspection.facts import SIDES
from sentinode.reports.charts.stain_charts import series_colour, stain_plane, stain_quantiles

Facts = dict[str, Any]

_LARGEST = 144  # px: larger tiles are reduced, for the page to stay small
_QUALITY = 88


def draw_page(facts: Facts, table: pd.DataFrame, tiles: NDArray[np.uint8]) -> str:
    """The page of an inspection.

    Args:
        facts: What `inspect.json` holds.
        table: One line for each image; see `sentinode.data.inspection.facts`.
        tiles: (M, H, W, 3) uint8, which the facts' rows refer to.
    """
    environment = Environment(
        loader=PackageLoader("sentinode.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["n"] = lambda value: f"{value:,}"
    # Not Jinja's sum(attribute=…): it takes a class that is called 0 or 1 for a place in a list.
    environment.filters["total"] = lambda counts, name: sum(of_side[name] for of_side in counts.values())
    used = table[table["role"] != "unused"]
    names = facts["class_names"]
    return environment.get_template("inspection.html.j2").render(
        facts=facts,
        pictures={row: _data_uri(tiles[row]) for row in sorted(set(_rows(facts)))},
        colours={name: series_colour(k) for k, name in enumerate(names)},
        sides=[role for role in SIDES if role in facts["counts"]],
        quantiles=Markup(stain_quantiles(used, names)),
        plane=Markup(stain_plane(used, names)),
        ruler=_ruler(facts["colour_baseline"]),
    )


def _rows(value: Any) -> Iterator[int]:
    """Every `row` of an image in the facts, however deep."""
    if isinstance(value, dict):
        if "row" in value:
            yield value["row"]
        for one in value.values():
            yield from _rows(one)
    elif isinstance(value, list):
        for one in value:
            yield from _rows(one)


def _data_uri(tile: NDArray[np.uint8]) -> str:
    image = Image.fromarray(tile)
    image.thumbnail((_LARGEST, _LARGEST))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _ruler(baseline: Facts) -> Facts | None:
    """Where the colour baseline and its interval lie between AUC 0.5 and 1, in percent of the width."""
    if baseline["auc"] is None:
        return None
    return {name: round(100 * (min(max(baseline[name], 0.5), 1.0) - 0.5) / 0.5, 2) for name in ("auc", "low", "high")}
