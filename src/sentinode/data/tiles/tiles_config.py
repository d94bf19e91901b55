"""What tiles are drawn from slides, how they are labelled and how many are taken: the `[data.tiles]` table."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sentinode.slides.mpp import COARSEST, FINEST
from sentinode.slides.tile_plan import TileSpec

NORMAL, TUMOUR = "normal", "tumour"
CLASS_NAMES = (NORMAL, TUMOUR)
"""Classes of drawn tiles; the second is the positive one."""

_MARGIN_UM = 50.0


TilePx = Annotated[int, Field(ge=8, le=4096)]
TileMpp = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class TilePlaces(BaseModel):
    """Which places of a slide tiles are drawn from, whether they get a label or not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_px: TilePx = 256
    """Side of a tile in pixels at `mpp`."""

    mpp: TileMpp = 0.5
    """µm/px of the tiles."""

    min_tissue: Share = 0.05
    """Least part of a tile that is tissue; the default is that of a scan, so that a model learns what it will see."""

    per_slide: Count = 1000
    """At most so many tiles of each class from one slide, as the winners of CAMELYON16 took (Wang et al. 2016)."""

    seed: int = Field(default=42, ge=0)
    """Seed of the tiles taken, and of the split if they are split."""

    slide_mpp: float | None = Field(default=None, ge=FINEST, le=COARSEST, allow_inf_nan=False)
    """µm/px of level 0, for slides that don't say it."""

    series: int | None = Field(default=None, ge=0)
    """Which of several pictures in a slide's file, from 0; None: the only one."""

    @property
    def spec(self) -> TileSpec:
        """The grid of places."""
        return TileSpec(size_px=self.size_px, mpp=self.mpp, min_tissue=self.min_tissue)


class TilesConfig(TilePlaces):
    """How tiles are drawn. The same configuration, slides and annotations give the same tiles."""

    stride_px: int | None = Field(default=None, gt=0)
    """From one place to the next in pixels at `mpp`; None: `size_px`, so that no two tiles share a pixel."""

    rule: Literal["area", "centre"] = "area"
    """What makes a tile tumour. `area`: at least `tumour_min` of it is; a normal one has none. `centre`: at least a
    pixel of its central region is, whatever lies around that region (PatchCamelyon's rule)."""

    tumour_min: float = Field(default=0.5, gt=0, le=1)
    """Least part of a tumour tile that is tumour, 0 to 1, for the area rule."""

    centre_px: int | None = Field(default=None, gt=0)
    """Side of the centre rule's region in tile pixels; None: a third of the tile, PatchCamelyon's 32 of 96."""

    margin_um: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Least distance of a normal tile (of its central region, with the centre rule) from annotated tumour. None: 0 with
    the centre rule, as in PatchCamelyon, and 50 with the area rule: an outline drawn a little tight must not make
    tumour normal."""

    ratio: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Normal tiles for one tumour tile, in each split."""

    fractions: tuple[float, float, float] = (0.70, 0.15, 0.15)
    """Shares of train, validation and test, cut by slide or patient, for what layout or table does not split."""

    context: bool = Field(default=False, exclude_if=lambda context: not context)
    """Draw each tile with what lies around it, four times as wide (see `core.context`), for recipes with
    `model.context`. Labels go by the tile alone."""

    tumour_names: tuple[str, ...] = ()
    """Class names of annotations that mean tumour, besides the usual (Tumor, _0, _1, metastases)."""

    @field_validator("fractions")
    @classmethod
    def _sum_to_one(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
            raise ValueError(f"fractions {fractions} must not be negative and must sum to 1, as in (0.7, 0.15, 0.15)")
        return fractions

    @property
    def spec(self) -> TileSpec:
        """The grid of places."""
        return super().spec.model_copy(update={"stride_px": self.stride_px})

    @property
    def judged_px(self) -> int:
        """Side of the part of a tile that its label goes by, in its middle."""
        if self.rule == "area":
            return self.size_px
        return min(self.size_px, self.centre_px or max(1, self.size_px // 3))

    @property
    def distance_um(self) -> float:
        """`margin_um`, with its default filled in."""
        if self.margin_um is not None:
            return self.margin_um
        return _MARGIN_UM if self.rule == "area" else 0.0
