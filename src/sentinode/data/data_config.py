"""What a recipe says about data: the `[data]` table."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sentinode.data.tiles.tiles_config import TilesConfig

Policy = Literal["error", "drop"]
"""Refuse the data set, or leave the samples out and count them."""


class SplitConfig(BaseModel):
    """Which samples train, which validate, which test: the `[data.split]` table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: str = ""
    """The source's split that plays train; empty: recognised by the usual names (train, training)."""

    validation: str = ""
    """The source's split that plays validation; empty: recognised (val, valid, validation), else cut out of train."""

    test: str = ""
    """The source's split that plays test; empty: recognised (test, testing), else cut out of train."""

    fractions: tuple[float, float, float] = (0.70, 0.15, 0.15)
    """Shares of train, validation and test, for what the source does not split itself.

    A split that the source lacks gets its share of train: fraction / (train's fraction + the missing fractions).
    """

    by: Literal["auto", "group", "stain", "none"] = "auto"
    """What must not be torn apart when cutting.

    `group`: the source's slides or patients; `stain`: clusters of similar stain, a proxy where no slide is known;
    `none`: each image goes its own way; `auto`: `group` where groups are known, else `none`.
    """

    seed: int = Field(default=42, ge=0)
    """Seed of the cut."""

    @field_validator("fractions")
    @classmethod
    def _sum_to_one(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
            raise ValueError(f"fractions {fractions} must not be negative and must sum to 1, as in (0.7, 0.15, 0.15)")
        return fractions


class DataConfig(BaseModel):
    """Where the labelled images come from and what to do about samples that are not as they should be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Address of the source, such as `pcam:DIR`, `folder:DIR` or a bare path; see `sentinode.data.address`."""

    positive: str = ""
    """Name of the positive class, after renaming; empty: recognised by the source or by its name (tumour, 1, …)."""

    rename: dict[str, str] = {}
    """Class name in the source → class name from here on, as in {"0" = "normal", "1" = "tumour"}."""

    on_leak: Policy = "error"
    """The same pixels in two splits: refuse, or take them out of the training side (train before validation)."""

    on_conflict: Policy = "error"
    """The same pixels with two labels: refuse, or leave all of them out."""

    on_size: Policy = "error"
    """Images of differing sizes: refuse, or keep the most common size. Where images are cut into tiles: of those
    smaller than a tile."""

    tile_size: int | None = Field(default=None, ge=8, le=4096)
    """Side in pixels of the tiles that larger images are cut into, which may then differ in size; None: not cut.

    What is computed of the tiles is pooled over each image; see `FeaturesConfig.pool`.
    """

    near_copies: bool = True
    """Look for near copies, which must not lie on two sides. The cost grows as the square of the number of images: a
    minute or two for 200,000, an hour for a million. Without it, copies but for those of the very same pixels are not
    known: switch it off only where the source's own splits hold whole slides apart."""

    on_unreadable: Policy = "drop"
    """An image that is missing, truncated or of a mode that is refused: refuse the data set, or leave it out."""

    mpp: float | None = Field(default=None, gt=0)
    """µm per pixel of the images, recorded in the bundle; None: what the source knows, as tiles of slides do."""

    tiles: TilesConfig | None = None
    """How tiles are drawn where `source` is `slides:DIR` and DIR holds slides; without effect on other sources."""

    split: SplitConfig = SplitConfig()
    """How samples are shared out."""
