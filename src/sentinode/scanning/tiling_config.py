"""Which tiles of a slide are read, and how: what every pass over slides has in common."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator

from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_file, sha256_of_json
from sentinode.slides.mpp import COARSEST, FINEST
from sentinode.slides.reader_table import AUTO, check_reader
from sentinode.slides.tile_plan import LevelZeroBox, TileSpec
from sentinode.slides.tissue.tissue_mask import TissueConfig
from sentinode.slides.tissue.tissue_model import TissueModel


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


class TilingConfig(BaseModel):
    """Which tiles are read, and with what. Saved with every result; its hash tells results apart.

    `stride_px` and `slide_mpp` can be given as `stride` and `mpp`, as the command line and `sn.open_slide` call them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stride_px: int | None = Field(default=None, gt=0, validation_alias=AliasChoices("stride", "stride_px"))
    """From one tile to the next in pixels at the model's µm/px; None: the tile size. Where tiles overlap, a heatmap
    has the mean."""
    min_tissue: float = Field(default=0.05, ge=0, le=1)
    """Least part of a tile that is tissue."""
    tissue: TissueConfig | None = TissueConfig()
    """How tissue is found; None: every tile of the slide is read."""
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
    """µm/px that the model wants, for one that does not say it."""
    reader: Annotated[str, AfterValidator(check_reader)] = AUTO
    """Name of a reader in `slides.reader_table`."""
    engine: str = "auto"
    batch: int = Field(default=256, ge=1, le=4096)
    """Tiles that the engine gets at a time, and that are lost when it is killed."""

    @model_validator(mode="after")
    def _looks_for_tissue(self) -> Self:
        if self.tissue is None and self.tissue_model is not None:
            raise ValueError("a tissue model does nothing where all of the slide is scanned; leave one of them out")
        return self

    def spec(self, model: str, size_px: int, mpp: float | None, *, context: bool = False) -> TileSpec:
        """The tiles that a model takes.

        Args:
            model: What it is called in a message: `bundle pcam`.
            size_px: Side of its tiles.
            mpp: µm/px that it was trained at, if it says so.
            context: Whether it sees what lies around each tile, too.

        Raises:
            BundleError: Neither it nor the user says the µm/px, or they contradict each other.
        """
        given = self.model_mpp
        if mpp is None and given is None:
            raise BundleError(
                f"{model} does not say the µm/px that it was trained at; give it, for example --model-mpp 0.5"
            )
        if mpp is not None and given is not None and abs(mpp - given) > 1e-6:
            raise BundleError(f"{model} was made for {mpp:g} µm/px, not {given:g}; leave out --model-mpp")
        chosen = mpp if mpp is not None else given
        assert chosen is not None
        return TileSpec(
            size_px=size_px, mpp=chosen, stride_px=self.stride_px, min_tissue=self.min_tissue, context=context
        )

    def sha256(self) -> str:
        """The hash of all in it that changes a result; the tissue model counts by its content."""
        facts: dict[str, Any] = self.model_dump(mode="json", exclude={"engine", "tissue_model"})
        if self.tissue_model:
            facts["tissue_model"] = sha256_of_file(self.tissue_model)
        return sha256_of_json(facts)

    def read_tissue_model(self) -> TissueModel | None:
        """The tissue model; None where the rules find tissue.

        Raises:
            DataError: It can't be read.
        """
        return TissueModel.load(self.tissue_model) if self.tissue_model else None


@dataclass(frozen=True, eq=False)
class TilingPlan:
    """Which tiles are read of every slide: a configuration with nothing left open."""

    config: TilingConfig
    config_sha256: str
    """Of all in it that changes a result; the tissue model by its content."""
    tiles: TileSpec
    """The tiles that the model takes."""
    tissue_model: TissueModel | None
    """In place of the rules for tissue."""


@dataclass(frozen=True)
class Machine:
    """What of the machine a pass over slides may use. Changes nothing about its result."""

    threads: int
    """For reading, and as many for the engine."""
    cache_bytes: int = 256 << 20
    """Bound on the decoded file tiles that are kept."""
    verify_tiles: int = 0
    """Random tiles of each slide that are first read by the direct reader and by OpenSlide and must be the same."""
