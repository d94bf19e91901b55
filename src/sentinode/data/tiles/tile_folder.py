"""The folder that drawn tiles are kept in: `tiles.parquet`, a row for each tile, and `tiles.json`, their origin."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from sentinode.core.errors import DataError
from sentinode.core.files import atomic_folder, write_json
from sentinode.core.messages import one_line
from sentinode.core.result_folder import ResultKind
from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.slides.slide_extent import SlideExtent

TABLE_FILE, RECORD_FILE = "tiles.parquet", "tiles.json"
TILE_FOLDER = ResultKind("tiles", (TABLE_FILE, RECORD_FILE), nothing_else=True)

COLUMNS = ("slide", "x0", "y0", "label", "split", "tumour", "tissue", "origin", "score")
"""Columns of `TileSet.table`."""

DRAWN, REVIEWED, MINED = "drawn", "reviewed", "mined"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TiledSlide(_Part):
    """A slide that tiles were drawn from."""

    name: str
    file: str
    """Absolute path of the slide's file."""
    bytes: int
    """With `changed_ns`: whether it is still the same file."""
    changed_ns: int
    width: int
    """Level-0 pixels."""
    height: int
    origin_x: int = 0
    """Of the scanned area on OpenSlide's canvas, level-0 pixels."""
    origin_y: int = 0
    mpp_x: float
    """µm/px of level 0."""
    mpp_y: float
    group: str
    split: str
    annotation: str | None
    """Absolute path; None: there is none."""
    annotation_sha256: str | None
    review: str | None = None
    """Absolute path of the review of a scan that amends the annotation; None: there is none."""
    review_sha256: str | None = None
    complete: bool
    """Whether the annotation names all of its tumour; without one, whether the slide is known to have none."""
    candidates: dict[str, int]
    """Places on the grid, by what they are: normal, tumour, or why they are neither."""
    drawn: dict[str, int]
    """Tiles taken, by class."""

    @property
    def extent(self) -> SlideExtent:
        """What annotations are placed by."""
        return SlideExtent(self.name, self.width, self.height, self.origin_x, self.origin_y)


class FailedSlide(_Part):
    """A slide that no tile could be drawn from."""

    name: str
    file: str
    type: str
    """Class name of the error."""
    message: str


class Mining(_Part):
    """One call of `sentinode mine`."""

    bundle: str
    bundle_sha256: str
    threshold: float
    scans: dict[str, str]
    """Slide → the key of its scan."""
    added: int
    """Normal tiles."""
    reviewed: int = 0
    """Tumour tiles that reviews added."""


class TilesRecord(_Part):
    """All of `tiles.json`."""

    format_version: Literal[1] = 1
    key: str
    """SHA-256 over configuration, slides, annotations and what is known of them: the same key, the same drawn tiles."""
    config: TilesConfig
    slides: tuple[TiledSlide, ...]
    failures: tuple[FailedSlide, ...]
    left_out: dict[str, str]
    """Slide → why it was not drawn from."""
    notes: tuple[str, ...] = ()
    minings: tuple[Mining, ...] = ()


@dataclass(frozen=True, eq=False)
class TileSet:
    """Drawn tiles."""

    table: pd.DataFrame
    """One line a tile: `slide`, `x0` and `y0` (left and upper edge, level-0 pixels), `label`, `split`, `tumour` (part
    of the judged region), `tissue` (part of the tile; NaN where not known), `origin` (drawn, reviewed or mined),
    `score` (of a mined one; else NaN). By slide, then by rows from the top: an order in which reading is fast."""

    record: TilesRecord


def write_tile_folder(folder: Path, tiles: TileSet) -> None:
    """Write `tiles` to `folder`, in place of those that were there.

    Raises:
        StorageError: The folder holds something else, or can't be written.
    """
    TILE_FOLDER.check(folder)
    with atomic_folder(folder) as partial:
        tiles.table[list(COLUMNS)].to_parquet(partial / TABLE_FILE, index=False, compression="zstd")
        write_json(partial / RECORD_FILE, tiles.record.model_dump(mode="json"))


def holds_tiles(folder: Path) -> bool:
    """Whether `folder` is one of drawn tiles; looks at names only."""
    return (folder / RECORD_FILE).is_file() and (folder / TABLE_FILE).is_file()


def read_tile_folder(folder: Path) -> TileSet:
    """Read what `write_tile_folder` wrote.

    Raises:
        DataError: There is nothing, or it is damaged.
    """
    if not holds_tiles(folder):
        raise DataError(
            f"{folder} holds no tiles ({RECORD_FILE}, {TABLE_FILE}); draw some with "
            "`sentinode tiles SLIDES --annotations DIR --out DIR`"
        )
    try:
        fields: dict[str, Any] = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        record = TilesRecord.model_validate(fields)
        table = pd.read_parquet(folder / TABLE_FILE)[list(COLUMNS)]
    except (OSError, KeyError, ValueError, ValidationError, pa.ArrowException) as error:
        raise DataError(f"{folder} holds damaged tiles ({one_line(error)}); draw them again elsewhere") from error
    strange = set(table["slide"]) - {slide.name for slide in record.slides}
    if strange:
        raise DataError(f"{folder} has tiles of slide {min(strange)}, which {RECORD_FILE} does not name; draw again")
    return TileSet(table, record)
