"""The `[features]` table: what each image is turned into before a classical model sees it."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from sentinode.models.config import ModelConfig

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

    @model_validator(mode="after")
    def _check(self) -> Self:
        named = [key for key in ("bundle", "model") if getattr(self, key)]
        if self.kind == "network" and len(named) != 1:
            found = " and ".join(named) or "neither"
            raise ValueError(f'kind = "network" needs either bundle or model, and has {found}')
        if self.kind != "network" and named:
            raise ValueError(f'kind = "{self.kind}" is computed without a network; remove {" and ".join(named)}')
        return self
