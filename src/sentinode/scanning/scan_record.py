"""`scan.json`: what was scanned, with what, and what was found. Unknown keys and wrong types are refused."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from sentinode.core.errors import DataError
from sentinode.core.stain.stain_look import Look, Method
from sentinode.metrics.stages import SizeClass
from sentinode.scanning.slide_model_record import SlideModelRecord
from sentinode.slides.slide_extent import SlideExtent

RECORD_FILE = "scan.json"
TILES_FILE = "tiles.parquet"
HEATMAP_FILE = "heatmap.tif"
OVERLAY_FILE = "overlay.png"
TISSUE_FILE = "tissue.png"
LESIONS_FILE = "lesions.geojson"
FEATURES_FILE = "features.h5"
"""Of a scan with a slide model: the bag that it judged."""
ATTENTION_FILE = "attention.tif"
ATTENTION_PICTURE = "attention.png"
LEAST_READ = 0.95
"""Part of the tissue that has to be read before a slide counts as assessed. A metastasis of 2 mm is a hundredth of the
tissue of a node; where more than a twentieth was not seen, nothing can be said of the slide."""
_ON_A_CANVAS = frozenset({".mrxs", ".scn", ".bif"})
HIGHEST_CELL = "the heatmap's highest value"
"""What a slide's score is where no other one was fitted."""

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
    origin_x: int | None = None
    """Of the scanned area on OpenSlide's canvas, level-0 pixels; all other places count from it. None in early scans,
    which counted from the canvas's corner."""
    origin_y: int | None = None
    mpp_x: float
    """µm/px of level 0."""
    mpp_y: float
    mpp_source: str
    reader: str

    @property
    def extent(self) -> SlideExtent:
        """What annotations are placed by.

        Raises:
            DataError: An early scan of a format whose scanned area may lie elsewhere: its places are not known.
        """
        if self.origin_x is None and Path(self.file).suffix.lower() in _ON_A_CANVAS:
            earlier = "is of an earlier version, which counted places from another corner"
            raise DataError(f"the scan of {self.file} {earlier}; scan it again")
        return SlideExtent(self.name, self.width, self.height, self.origin_x or 0, self.origin_y or 0)


class BundleFacts(_Part):
    """The bundle, and what of it was used."""

    name: str
    sha256: str
    """The bundle's hash, as `sentinode bundle show` prints it."""
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
    tissue_read: float | None = None
    """Part of the tissue that lies in tiles that were read; None in early scans, which don't say."""
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

    def at(self, outline: float) -> Self:
        """The same rule with another outline; no part of it is laxer than that."""
        if outline == self.outline:
            return self
        raised = {name: max(getattr(self, name), outline) for name in ("dense", "peak", "alone")}
        return self.model_copy(update={"outline": outline, **raised})


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
    """Of the heatmap; by a learned rule, of its finer grid."""
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
    """Part of them that lies farther out than is usual among training images, by what they lie outside in."""


class StainFacts(_Part):
    """How the slide is stained, and whether it was normalised to what the bundle was trained on."""

    method: Method
    tiles: int
    """That were looked at."""
    look: Look | None
    """None: it can't be told, and the tiles were scored as they are."""
    kept: str = ""
    """Why; empty where it was normalised."""


class Failure(_Part):
    """Why there is no scan."""

    stage: Stage
    type: str
    message: str


class FinishedScan(_Part):
    """All of the `scan.json` of a slide that was scanned."""

    format_version: int = 1
    status: Literal["finished"] = "finished"
    name: str
    key: str
    """SHA-256 over slide, bundle and configuration: a finished scan with the same key is not run again."""
    config: dict[str, Any]
    config_sha256: str
    slide: SlideFacts
    bundle: BundleFacts
    tiles: TileCounts
    tissue: TissueFacts
    slide_score: float | None = None
    """Of the class that is looked for; None where no tile was scanned."""
    slide_score_method: str = HIGHEST_CELL
    lesions: tuple[Lesion, ...] = ()
    """By falling probability or, by the heuristic rule, highest score."""
    lesion_rule: LesionRule | None = None
    """By which they were found, or would be without `reading`; None in early scans, which had only the threshold."""
    reading: ReadingFacts | None = None
    """The learned rule that called the lesions; None: the heuristic one did."""
    slide_model: SlideModelRecord | None = None
    """What a slide model says of the slide, whose score is `slide_score` then; None where none was asked."""
    suspicious: tuple[Lesion, ...] = ()
    """What a learned rule did not call a lesion, by falling probability; ranks go on from the lesions'."""
    novelty: NoveltyFacts | None = None
    """None where the bundle knows too little of its training data, no tile was scanned, or an early version scanned."""
    stain: StainFacts | None = None
    """None where the bundle does not normalise stain."""
    colours: str = ""
    """Why the slide's colours can't be those of stained tissue; empty where they can."""
    notes: tuple[str, ...] = ()
    """What to know of this result, in sentences."""
    timings_s: dict[str, float] = {}
    tiles_per_s: float | None = None
    failure: None = None

    @property
    def longest_lesion(self) -> Lesion | None:
        """The lesion whose size is the slide's; None where there is none."""
        return max(self.lesions, key=lambda lesion: lesion.diameter_um, default=None)

    @property
    def not_assessed(self) -> str:
        """Why nothing can be said of the slide, whatever was found on it; empty where it was assessed."""
        if self.colours:
            return self.colours
        if not self.tiles.scanned:
            return "no tissue was found, so nothing was scanned"
        if self.tiles.tissue_read is None and self.config.get("region"):
            return "only a region of it was scanned"
        seen = self.tiles.coverage if self.tiles.tissue_read is None else self.tiles.tissue_read
        return f"only {seen:.1%} of its tissue was read" if seen < LEAST_READ else ""

    @property
    def rule(self) -> LesionRule:
        """By which the lesions were found."""
        return self.lesion_rule or LesionRule(outline=self.bundle.threshold)


class FailedScan(_Part):
    """All of the `scan.json` of a slide that could not be scanned: the same keys, with nothing in them but why."""

    format_version: int = 1
    status: Literal["failed"] = "failed"
    name: str
    key: str = ""
    config: dict[str, Any]
    config_sha256: str
    slide: None = None
    bundle: None = None
    tiles: None = None
    tissue: None = None
    slide_score: None = None
    slide_score_method: str = HIGHEST_CELL
    lesions: tuple[()] = ()
    lesion_rule: None = None
    reading: None = None
    slide_model: None = None
    suspicious: tuple[()] = ()
    novelty: None = None
    stain: None = None
    colours: Literal[""] = ""
    notes: tuple[()] = ()
    timings_s: dict[str, float] = {}
    tiles_per_s: None = None
    failure: Failure


ScanRecord = Annotated[FinishedScan | FailedScan, Field(discriminator="status")]
"""All of `scan.json`; `status` says which it is."""
