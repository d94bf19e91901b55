"""The recipe of `sentinode synthesise`: labelled images, a generator, and how what it draws is measured."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.data.data_config import DataConfig
from sentinode.training.recipe import checked, read_toml, set_overrides

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_HALVINGS = 4


class SynthesisConfig(BaseModel):
    """How a generator learns: `[synthesis]`."""

    model_config = _FROZEN

    side: int = Field(default=64, ge=16, le=256)
    """Of what is drawn, in pixels, a multiple of 16; larger patches are reduced to it, smaller ones refused. The cost
    grows as its square."""
    steps: int | None = Field(default=None, ge=1)
    """Batches to learn from; None: as many as `--minutes` hold."""
    batch_size: int = Field(default=16, ge=4)
    """Images of a step, as many real as drawn. Diversity is told from those of one batch: small ones collapse."""
    channels: int = Field(default=16, ge=4)
    """Width of the generator at its finest maps; at each coarser one it is twice as much, up to 192 in all."""
    latent_size: int = Field(default=64, ge=4)
    """Numbers that say what the whole image is like; its layout is drawn apart, as maps of noise."""
    weights: str = "imagenet"
    """Of the discriminator's frozen features, EfficientNet-Lite0: `imagenet` (an installed package, then the hub), a
    file, or `none`, which makes them random."""
    generator_rate: float = Field(default=2e-3, gt=0)
    discriminator_rate: float = Field(default=1e-3, gt=0)
    """Learning rates of Adam (betas 0 and 0.99)."""
    average_decay: float = Field(default=0.995, ge=0, lt=1)
    """What is kept is the average of the generator's weights; it keeps this much of itself in a step."""
    checks: int = Field(default=10, ge=1)
    """How often a run looks whether the generator has collapsed, and writes a checkpoint."""
    watched: int = Field(default=256, ge=32)
    """Images, drawn and held out, by which it does."""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.side % 2**_HALVINGS:
            raise ValueError(f"side = {self.side}; give a multiple of {2**_HALVINGS}, as 48, 64 or 96")
        return self


class MeasureConfig(BaseModel):
    """How what was drawn is held against real patches: `[measure]`."""

    model_config = _FROZEN

    architecture: str = "squeezenet1_1"
    """Its frozen embeddings are what images are compared by. Another one than the discriminator's, which the generator
    has learned to please."""
    weights: str = "imagenet"
    """As `model.weights`."""
    images: int = Field(default=1000, ge=50)
    """At most so many are drawn, and as many real ones taken, half of each class where there are two."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.architecture == "tf_efficientnet_lite0":
            raise ValueError(
                "architecture = 'tf_efficientnet_lite0' is the discriminator's own, which the generator has learned to "
                "please; give another one, as squeezenet1_1"
            )
        return self


class SynthesisRecipe(BaseModel):
    """All of it, and the seed from which all of its randomness comes."""

    model_config = _FROZEN

    data: DataConfig
    synthesis: SynthesisConfig = SynthesisConfig()
    measure: MeasureConfig = MeasureConfig()
    seed: int = Field(default=42, ge=0, lt=2**31)

    def with_steps(self, steps: int) -> "SynthesisRecipe":
        """The same, for so many steps."""
        return self.model_copy(update={"synthesis": self.synthesis.model_copy(update={"steps": steps})})

    def to_toml(self) -> str:
        """The resolved recipe, every default written out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def make_synthesis_recipe(source: str, overrides: Sequence[str] = ()) -> SynthesisRecipe:
    """The defaults with the command line's values laid over them.

    Args:
        source: The images' address.
        overrides: `key.path=value`, the value as in TOML.

    Raises:
        RecipeError: An unknown key, a wrong type or values that contradict each other.
    """
    values: dict[str, Any] = {"data": {"source": source}}
    set_overrides(values, overrides)
    return checked(SynthesisRecipe, values, "of synthesis")


def read_synthesis_recipe(path: Path) -> SynthesisRecipe:
    """The recipe of a run.

    Raises:
        RecipeError: The file can't be read, or is not as it should be.
    """
    return checked(SynthesisRecipe, read_toml(str(path), noun="recipe of synthesis"), str(path))
