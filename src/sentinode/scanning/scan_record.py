"""`scan.json`: what was scanned, with what, and what was found. Unknown keys and wrong types are refused."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sentinode.core.errors import DataError
from sentinode.core.messages import one_line
from sentinode.metrics.stages import SizeClass

RECORD_FILE = "scan.json"
TILES_FILE = "tiles.parquet"
HEATMAP_FILE = "heatmap.tif"
OVERLAY_FILE = "overlay.png"
TISSUE_FILE = "tissue.png"
LESIONS_FILE = "lesions.geojson"

Stage = Literal["opening", "planning", "reading", "writing"]
"""Of a scan, in this order."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SlideFacts(_Part):
    """The slide's file."""

    name: str
    file: str
    sha256_of_ends: str
    """Of its first and last MiB with its size: enough to tell files apart, without reading gigabytes."""
    bytes: int
    width: int
    """Level-0 pixels."""
    height: int
    mpp_x: float
    """µm/px of level 0."""
    mpp_y: float
    mpp_source: str
    reader: str


class BundleFacts(_Part):
    """The bundle, and what of it was used."""

    name: str
    sha256: str
    """Of `bundle.json`, which has the hash of every other file."""
    classes: tuple[str, ...]
    target: str
    """The class that was looked for."""
    threshold: float
    threshold_source: str
    engine: str
    tile_size_px: int
    mpp: float
    """µm/px of the tiles."""


class TileCounts(_Part):
    """How much of the slide was seen."""

    planned: int
    scanned: int
    unreadable: int
    coverage: float
    """Part of the planned tiles that could be read; 1 where none was planned."""
    first_unreadable: tuple[str, ...] = ()
    """What was wrong with the first few."""


class TissueFacts(_Part):
    """Areas of the tissue mask."""

    method: Literal["rules", "model", "none"]
    tissue_mm2: float
    excluded_mm2: dict[str, float]


class LesionRule(_Part):
    """When cells of a heatmap are a lesion; why these values: docs/scanning.md."""

    outline: float = Field(default=0.5, ge=0, le=1)
    """The smoothed heatmap from this value on."""
    dense: float = Field(default=0.6, ge=0, le=1)
    """Somewhere in it the smoothed heatmap reaches this: several cells agree;"""
    peak: float = Field(default=0.9, ge=0, le=1)
    """and the cell there reaches this. Wang et al. (2016, arXiv:1606.05718) took 0.9 for a slide's features."""
    alone: float = Field(default=0.999, ge=0, le=1)
    """A cell of this is a lesion whatever is around it. A model trained on as many tiles of each class, whose 0.999 is
    calibrated, is as likely right as wrong about it where one tile in a thousand is tumour."""
    smoothing_um: float = Field(default=80.0, ge=0)
    """Standard deviation of the Gaussian; 0: none."""


class Lesion(_Part):
    """One focus of positive cells; see `scanning.lesions`."""

    rank: int
    size_class: SizeClass
    score_max: float
    score_mean: float
    area_mm2: float
    diameter_um: float
    """Longest diameter."""
    cells: int
    """Of the heatmap."""
    centroid_x: float
    """Level-0 pixels."""
    centroid_y: float
    probability: float | None = None
    """That it is a metastasis, by a learned rule; None by the heuristic one."""


class ReadingFacts(_Part):
    """By which learned rule lesions were called, and whose second look it judged."""

    rule: str
    """On what it was fitted, in short."""
    rule_sha256: str
    threshold: float
    """Least probability of a lesion."""
    second_look: str
    """Name of the bundle."""
    second_look_sha256: str


class NoveltyFacts(_Part):
    """How far a slide lies outside of what the bundle was trained on."""

    outside: bool
    """Whether its result is to be doubted for that."""
    tiles: int
    """That were looked at."""
    shares: dict[str, float]
    """Part of them that lies outside, by what they lie outside in."""


class Failure(_Part):
    """Why there is no scan."""

    stage: Stage
    type: str
    message: str


class ScanRecord(_Part):
    """All of `scan.json`."""

    format_version: int = 1
    status: Literal["finished", "failed"]
    name: str
    key: str
    """SHA-256 over slide, bundle and configuration: a finished scan with the same key is not run again."""
    config: dict[str, Any]
    config_sha256: str
    slide: SlideFacts | None = None
    bundle: BundleFacts | None = None
    tiles: TileCounts | None = None
    tissue: TissueFacts | None = None
    slide_score: float | None = None
    """Of the class that is looked for; None where no tile was scanned."""
    slide_score_method: str = "the heatmap's highest value"
    lesions: tuple[Lesion, ...] = ()
    """By falling probability, or by falling highest score where the rule has none."""
    lesion_rule: LesionRule | None = None
    """By which they were found, or would be without `reading`."""
    reading: ReadingFacts | None = None
    """The learned rule that called the lesions; None: the heuristic one did."""
    suspicious: tuple[Lesion, ...] = ()
    """What a learned rule did not call a lesion, by falling probability; ranks go on from the lesions'."""
    novelty: NoveltyFacts | None = None
    """None where the bundle knows too little of its training data, or no tile was scanned."""
    notes: tuple[str, ...] = ()
    """What to know of this result, in sentences."""
    timings_s: dict[str, float] = {}
    tiles_per_s: float | None = None
    failure: Failure | None = None


def read_record(folder: Path) -> ScanRecord:
    """The record of the scan in `folder`.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = folder / RECORD_FILE
    try:
        return ScanRecord.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise DataError(f"{folder} holds no scan (no {RECORD_FILE}); give a folder of `sentinode scan`") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        raise DataError(f"{path} is damaged ({one_line(error)}); scan the slide again") from error


def list_scans(folder: Path) -> list[Path]:
    """The folders with finished scans in `folder`, or `folder` itself where it is one; sorted by name.

    Raises:
        DataError: There is none, or a record is damaged.
    """
    candidates = [folder] if (folder / RECORD_FILE).is_file() else sorted(folder.glob(f"[!.]*/{RECORD_FILE}"))
    folders = [path if path.is_dir() else path.parent for path in candidates]
    finished = [path for path in folders if read_record(path).status == "finished"]
    if not finished:
        raise DataError(f"{folder} holds no finished scan; make one with `sentinode scan`")
    return finished
