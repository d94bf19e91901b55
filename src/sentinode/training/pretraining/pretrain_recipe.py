"""The recipe of `sentinode pretrain`: images without labels, a network, a method, and how it is watched."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.core.errors import RecipeError
from sentinode.data.data_config import DataConfig
from sentinode.data.tiles.tissue_tiles import TissueTilesConfig
from sentinode.models.model_config import ModelConfig
from sentinode.training.recipe import checked, read_toml, set_overrides
from sentinode.training.training_config import AugmentationConfig

FOLDER = "recipes/pretrain"
"""Where in the package the shipped ones lie."""

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class ViewsConfig(BaseModel):
    """What the views of one image are, which are to be told to be the same: `[views]`."""

    model_config = _FROZEN

    smallest_part: float = Field(default=0.4, gt=0, le=1)
    """A view shows a square part of the image with at least this share of its area, enlarged to the whole."""
    local_views: int = Field(default=0, ge=0, le=8)
    """Further views of small parts, which DINO's student alone sees, beside the two."""
    local_part: tuple[float, float] = (0.1, 0.4)
    """Shares of the area that a local view shows, at least and at most."""
    augmentation: AugmentationConfig = AugmentationConfig(
        flips=True, quarter_turns=True, brightness=0.3, contrast=0.3, saturation=0.2, hue=0.03, stain=0.2, blur=1.0
    )
    """What else differs from view to view."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        low, high = self.local_part
        if not 0 < low <= high <= 1:
            raise ValueError(f"local_part = {list(self.local_part)}; give two shares of the area, as in [0.1, 0.4]")
        if self.augmentation.mixup or self.augmentation.appearance:
            raise ValueError("augmentation.mixup and augmentation.appearance need labels or slides; leave them at 0")
        return self


class PretrainingConfig(BaseModel):
    """How a network learns from unlabelled images: `[pretraining]`."""

    model_config = _FROZEN

    method: Literal["simsiam", "byol", "dino"] = "simsiam"
    """`simsiam` (Chen and He 2021, arXiv:2011.10566), `byol` (Grill et al. 2020, arXiv:2006.07733), `dino` (Caron et
    al. 2021, arXiv:2104.14294), which is for vision transformers."""
    steps: int | None = Field(default=None, ge=1)
    """Batches to learn from; None: as many as `--minutes` hold."""
    batch_size: int = Field(default=64, ge=2)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-4, gt=0)
    """Of the backbone, at its highest: it rises for a twentieth of the steps, and falls to zero as a cosine."""
    head_learning_rate_factor: float = Field(default=10.0, gt=0)
    """The projection, which starts at random, learns this many times faster."""
    weight_decay: float = Field(default=1e-4, ge=0)
    projection_size: int = Field(default=256, ge=8)
    """Length of the vectors that views are compared by."""
    prototypes: int = Field(default=1024, ge=8)
    """Of `dino`: outputs of its head."""
    teacher_momentum: float = Field(default=0.99, ge=0, lt=1)
    """Of `byol` and `dino`: share of itself that the teacher keeps in a step, at the start; it rises to 1."""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"


class ProbeConfig(BaseModel):
    """How a run is watched on images held out: `[probe]`."""

    model_config = _FROZEN

    kind: Literal["auto", "logistic", "neighbours", "found-again"] = "auto"
    """`logistic`: AUC of logistic regression on the frozen embeddings, cross-validated on the images held out;
    `neighbours`: AUC of the 20 nearest others' labels; `found-again`: without labels, the share of images whose
    second view is nearest to its first among all of them. `auto`: logistic where there are labels."""
    steps: int | None = Field(default=None, ge=1)
    """From one probe to the next; None: a tenth of all steps."""
    patience: int = Field(default=3, ge=1)
    """Probes in a row that are below the best one by more than `tolerance`, after which the run ends; the best one's
    weights are kept."""
    tolerance: float = Field(default=0.01, ge=0, lt=1)
    """What a probe may be below the best one by chance: about the standard error of an AUC of 1,000 images."""
    images: int = Field(default=1000, ge=20)
    """At most so many images are held out for it."""


class PretrainRecipe(BaseModel):
    """All of it, and the seed from which all of its randomness comes."""

    model_config = _FROZEN

    name: str = ""
    description: str = ""
    seed: int = Field(default=42, ge=0, lt=2**31)
    data: DataConfig | None = None
    """Images of a source; labels are looked at by the probe alone. None: `slides`."""
    slides: TissueTilesConfig | None = None
    """Tiles straight from slides."""
    model: ModelConfig
    pretraining: PretrainingConfig = PretrainingConfig()
    views: ViewsConfig = ViewsConfig()
    probe: ProbeConfig = ProbeConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.data is None) == (self.slides is None):
            raise ValueError("give either images (--data SOURCE) or slides (--slides DIR)")
        if self.data is not None and self.data.tile_size is not None:
            raise ValueError("data.tile_size cuts images for frozen features; crop the images to one size instead")
        if self.model.context:
            raise ValueError(
                "model.context = true: views are of single images; pretrain without, and train with it on the bundle "
                "that comes of it"
            )
        if self.views.local_views and self.pretraining.method != "dino":
            raise ValueError(f"views.local_views is of dino, not of {self.pretraining.method}; leave it at 0")
        return self

    @property
    def address(self) -> str:
        """Where the images come from."""
        return self.data.source if self.data else str(self.slides and self.slides.folder)

    def with_steps(self, steps: int) -> "PretrainRecipe":
        """The recipe with so many steps, and the probe's distance filled in."""
        between = self.probe.steps or max(1, -(-steps // 10))
        return self.model_copy(
            update={
                "pretraining": self.pretraining.model_copy(update={"steps": steps}),
                "probe": self.probe.model_copy(update={"steps": between}),
            }
        )

    def to_toml(self) -> str:
        """The resolved recipe, every default written out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def load_pretrain_recipe(
    name: str, *, source: str | None = None, slides: str | None = None, overrides: Sequence[str] = ()
) -> PretrainRecipe:
    """Read a recipe and lay the command line's values over it.

    Args:
        name: A shipped name (`simsiam-squeezenet`) or the path of a TOML file.
        source: The images' address; takes the place of `data.source`.
        slides: A folder of slides; takes the place of `slides.folder`.
        overrides: `key.path=value`, the value as in TOML.

    Raises:
        RecipeError: No such recipe, not TOML, an unknown key, a wrong type or values that contradict each other.
    """
    values: dict[str, Any] = read_toml(name, folder=FOLDER, noun="recipe of pretraining")
    if source and slides:
        raise RecipeError("--data and --slides name two places to learn from; give one of them")
    if source:
        values.pop("slides", None)
        values.setdefault("data", {})["source"] = source
    if slides:
        values.pop("data", None)
        values.setdefault("slides", {})["folder"] = slides
    set_overrides(values, overrides)
    return checked(PretrainRecipe, values, name)
