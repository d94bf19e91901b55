"""What a scan is to do, and with what of the machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator

from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_file, sha256_of_json
from sentinode.models.bundle_info import BundleInfo
from sentinode.models.model_config import TestTime
from sentinode.scanning.scan_record import LesionRule
from sentinode.slides.mpp import COARSEST, FINEST
from sentinode.slides.reader_table import AUTO, check_reader
from sentinode.slides.tile_plan import LevelZeroBox, TileSpec
from sentinode.slides.tissue.tissue_mask import TissueConfig
from sentinode.slides.tissue.tissue_model import TissueModel

LEAST_THRESHOLD = 0.5
"""Least default score of a lesion's cells: more likely than not. An operating threshold chosen for sensitivity tells
which patches deserve a look; of normal tissue it takes up to a third, and outlines made with it fill a node."""


class RegionOfInterest(BaseModel):
    """A rectangle of the slide in level-0 pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x0: int
    y0: int
    width: int = Field(gt=0)
    height: int = Field(gt=0)

    def box(self) -> LevelZeroBox:
        """As the tiling takes it."""
        return LevelZeroBox(self.x0, self.y0, self.width, self.height)


class ScanConfig(BaseModel):
    """All that changes the result of a scan, beside slide and bundle. Saved with it; its hash tells scans apart.

    `stride_px` and `slide_mpp` can be given as `stride` and `mpp`, as the command line and `sn.open_slide` call them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stride_px: int | None = Field(default=None, gt=0, validation_alias=AliasChoices("stride", "stride_px"))
    """From one tile to the next in pixels at the model's µm/px; None: the tile size. Where tiles overlap, the heatmap
    has the mean."""
    min_tissue: float = Field(default=0.05, ge=0, le=1)
    """Least part of a tile that is tissue."""
    tissue: TissueConfig | None = TissueConfig()
    """How tissue is found; None: every tile of the slide is scanned."""
    tissue_model: Path | None = None
    """A model of `sentinode tissue train`, in place of the rules. Known by its content, not by its name."""
    region: RegionOfInterest | None = None
    """Only tiles that touch it; None: the whole slide."""
    series: int | None = Field(default=None, ge=0)
    """Which of several pictures in a slide's file, from 0; None: the only one."""
    slide_mpp: float | None = Field(
        default=None, ge=FINEST, le=COARSEST, allow_inf_nan=False, validation_alias=AliasChoices("mpp", "slide_mpp")
    )
    """µm/px of level 0, in place of what the slide says."""
    model_mpp: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """µm/px that the model wants, for a bundle that does not say it."""
    reader: Annotated[str, AfterValidator(check_reader)] = AUTO
    """Name of a reader in `slides.reader_table`."""
    target: str | None = None
    """The class that is looked for; None: the bundle's positive class."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """A lesion is outlined where the smoothed heatmap reaches this score; None: the bundle's operating threshold, but
    at least `LEAST_THRESHOLD`."""
    alone: float = Field(default=0.999, ge=0, le=1)
    """A single cell from this score on is a lesion, whatever is around it."""
    test_time: TestTime | None = None
    """Orientations that the model averages over; None: as the bundle was made."""
    engine: str = "auto"
    batch: int = Field(default=256, ge=1, le=4096)
    """Tiles that the engine gets at a time, and that a scan loses when it is killed."""

    @model_validator(mode="after")
    def _looks_for_tissue(self) -> Self:
        if self.tissue is None and self.tissue_model is not None:
            raise ValueError("a tissue model does nothing where all of the slide is scanned; leave one of them out")
        return self

    def resolved(self, info: BundleInfo) -> "ScanPlan":
        """What is to be done with a bundle, decided once and for all slides.

        Raises:
            BundleError: The bundle has no positive class and none was given, or has no class of that name; neither it
                nor the user says the µm/px, or they contradict each other; or it judges photographs.
            DataError: The tissue model can't be read.
        """
        spec = self.tile_spec(info)
        target = info.classes.aliases.get(self.target or "", self.target) or info.classes.positive
        names = ", ".join(info.classes.names)
        if target is None:
            raise BundleError(f"bundle {info.name} has no positive class; say which to look for with --target: {names}")
        if target not in info.classes.names:
            raise BundleError(f"bundle {info.name} has no class {target!r}; give one of {names}")
        threshold, source = self._threshold(info, target)
        rule = LesionRule(alone=self.alone).at(threshold)
        model = TissueModel.load(self.tissue_model) if self.tissue_model else None
        facts = self.model_dump(mode="json", exclude={"engine", "tissue_model"})
        if self.tissue_model:
            facts["tissue_model"] = sha256_of_file(self.tissue_model)
        return ScanPlan(self, sha256_of_json(facts), spec, target, threshold, source, rule, model)

    def _threshold(self, info: BundleInfo, target: str) -> tuple[float, str]:
        """The score from which a cell is positive, and where it comes from, in words."""
        if self.threshold is not None:
            return self.threshold, "given by the user"
        if info.threshold is None or target != info.classes.positive:
            return LEAST_THRESHOLD, "the default, because the bundle has none for this class"
        own = f"the bundle's, {info.threshold.value:.3g} ({info.threshold.rule} on {info.threshold.split})"
        if info.threshold.value < LEAST_THRESHOLD:
            return LEAST_THRESHOLD, f"the default, because {own}, is lower"
        return info.threshold.value, own

    def tile_spec(self, info: BundleInfo) -> TileSpec:
        """The tiles that the bundle's model takes.

        Raises:
            BundleError: See `resolved`.
        """
        if info.input.pooling:
            raise BundleError(
                f"bundle {info.name} judges whole photographs by their pooled tiles, which says nothing of a single "
                "tile; scan with a bundle that was trained on tiles"
            )
        known, given = info.input.mpp, self.model_mpp
        if known is None and given is None:
            raise BundleError(
                f"bundle {info.name} does not say the µm/px that it was trained at; give it, for example "
                "--model-mpp 0.5"
            )
        if known is not None and given is not None and abs(known - given) > 1e-6:
            raise BundleError(f"bundle {info.name} was made for {known:g} µm/px, not {given:g}; leave out --model-mpp")
        mpp = known if known is not None else given
        assert mpp is not None
        return TileSpec(size_px=info.input.tile_size, mpp=mpp, stride_px=self.stride_px, min_tissue=self.min_tissue)


@dataclass(frozen=True, eq=False)
class ScanPlan:
    """What scans with one bundle do: a configuration with nothing left open."""

    config: ScanConfig
    config_sha256: str
    """Of all in it that changes a result; the tissue model by its content."""
    tiles: TileSpec
    """The tiles that the model takes."""
    target: str
    """The class that is looked for."""
    threshold: float
    """Score from which a lesion is outlined."""
    threshold_source: str
    """Where the threshold comes from, in words."""
    rule: LesionRule
    """What makes cells a lesion; no part of it is laxer than the threshold."""
    tissue_model: TissueModel | None
    """In place of the rules for tissue."""


@dataclass(frozen=True)
class Machine:
    """What of the machine a scan may use. Changes nothing about its result."""

    threads: int
    """For reading, and as many for the engine."""
    cache_bytes: int = 256 << 20
    """Bound on the decoded file tiles that are kept."""
    verify_tiles: int = 0
    """Random tiles of each slide that are first read by the direct reader and by OpenSlide and must be the same."""
