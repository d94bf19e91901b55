"""The `[features]` table: what each image is turned into before a classical model sees it."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.models.model_config import ModelConfig, TilePooling

Kind = Literal["network", "pixels", "colour", "texture"]


class FeaturesConfig(BaseModel):
    """A frozen network, by its bundle or by its architecture, or a classical descriptor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = "network"
    """`network`: embeddings of a frozen network; otherwise a descriptor, see `training.features.descriptors`."""

    bundle: str = ""
    """For `network`: a bundle's folder or shipped name, whose backbone is used with its own preprocessing."""

    model: ModelConfig | None = None
    """For `network`: an architecture with its weights, when there is no bundle."""

    pool: tuple[TilePooling, ...] = Field(default=("mean",), min_length=1)
    """What is taken over the features of an image's tiles, where images are cut into tiles (`data.tile_size`);
    concatenated in this order."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.pool)) != len(self.pool):
            raise ValueError(f"pool = {list(self.pool)} names one kind twice; name each once")
        named = [key for key in ("bundle", "model") if getattr(self, key)]
        if self.kind == "network" and len(named) != 1:
            found = " and ".join(named) or "neither"
            raise ValueError(f'kind = "network" needs either bundle or model, and has {found}')
        if self.kind != "network" and named:
            raise ValueError(f'kind = "{self.kind}" is computed without a network; remove {" and ".join(named)}')
        return self
