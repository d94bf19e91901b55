"""`tiles.parquet`: every tile of a scan with its scores. The same scan gives the same bytes."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sentinode.core.errors import BundleError, DataError
from sentinode.core.files import atomic_file
from sentinode.scanning.scan_record import TILES_FILE
from sentinode.slides.tile_plan import TilePlan, TileSpec

ATTENTION = "attention"
"""Column of a slide model's attention."""
_PLACES = ("x", "y", "width", "height", ATTENTION)
_KEY = b"sentinode"


@dataclass(frozen=True, eq=False)
class ScannedTiles:
    """The tiles of a scan."""

    x0: NDArray[np.int64]
    """(N,) left edges, level-0 pixels."""
    y0: NDArray[np.int64]
    """(N,) upper edges, level-0 pixels."""
    width: int
    """Width of every tile in level-0 pixels."""
    height: int
    classes: tuple[str, ...]
    scores: NDArray[np.float32]
    """(N, classes); NaN where a tile could not be read."""
    spec: TileSpec
    attention: NDArray[np.float32] | None = None
    """(N,) a slide model's share of attention, 1 in sum; NaN where a tile could not be read; None without one."""


def check_classes(classes: tuple[str, ...]) -> None:
    """Refuse class names that can't be columns beside a tile's place.

    Raises:
        BundleError: A class is called x, y, width, height or attention.
    """
    clash = sorted(set(classes) & set(_PLACES))
    if clash:
        raise BundleError(f"a class is called {clash[0]!r}, which is a column of {TILES_FILE}; rename it in the data")


def write_scanned_tiles(
    folder: Path,
    plan: TilePlan,
    classes: tuple[str, ...],
    scores: NDArray[np.float32],
    attention: NDArray[np.float32] | None = None,
) -> None:
    """Write `tiles.parquet`.

    Args:
        folder: Of the scan.
        plan: N tiles.
        classes: Names of the columns of `scores`.
        scores: (N, classes); NaN for a tile that could not be read.
        attention: (N,) of a slide model, likewise; None without one.
    """
    count = len(plan)
    columns = {
        "x": pa.array(plan.x0),
        "y": pa.array(plan.y0),
        "width": pa.array(np.full(count, plan.width, np.int64)),
        "height": pa.array(np.full(count, plan.height, np.int64)),
        **{name: pa.array(scores[:, number]) for number, name in enumerate(classes)},
        **({} if attention is None else {ATTENTION: pa.array(attention)}),
    }
    facts = {"classes": classes, "tile": plan.spec.model_dump(), "width": plan.width, "height": plan.height}
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(facts, sort_keys=True).encode()})
    with atomic_file(folder / TILES_FILE) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_scanned_tiles(folder: Path) -> ScannedTiles:
    """Read the `tiles.parquet` of a scan.

    Raises:
        DataError: It is missing or was not written by a scan.
    """
    path = folder / TILES_FILE
    try:
        table = pq.read_table(path)
        facts = json.loads(table.schema.metadata[_KEY])
        classes = tuple(facts["classes"])
        scores = np.stack([table.column(name).to_numpy() for name in classes], axis=1)
        x0, y0 = table.column("x").to_numpy(), table.column("y").to_numpy()
        spec = TileSpec.model_validate(facts["tile"])
        attention = table.column(ATTENTION).to_numpy() if ATTENTION in table.column_names else None
        width, height = facts["width"], facts["height"]
        return ScannedTiles(x0, y0, width, height, classes, scores.astype(np.float32), spec, attention)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} is no table of a scan ({error}); scan the slide again") from error
