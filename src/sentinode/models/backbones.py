"""The table of backbones: pathology foundation models and ImageNet networks, with what a choice among them rests on.

The table is data, `backbones.toml`; nothing here needs torch, and nothing in it was measured by us.
"""

import functools
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sentinode.core.errors import RecipeError
from sentinode.models.model_config import ModelConfig

Form = Literal["timm", "transformers", "dinov2"]
"""Whose names the published tensors have: timm's, those of the transformers library, or those of DINOv2's own code."""

HUB_PREFIX = "hf-hub:"
"""How `weights` begins where it names a repository of the hub."""

_TABLE = Path(__file__).with_name("backbones.toml")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Published(_Part):
    """A figure that others measured."""

    figure: str
    value: float
    source: str


class Backbone(_Part):
    """One row of the table."""

    title: str
    """As its authors write it."""
    licence: str
    refused: str = ""
    """Why no bundle or feature should rest on it without a lawyer, in words; empty: its licence permits any use."""
    parameters: float = Field(gt=0)
    """Millions, without a classifier."""
    embedding: int = Field(gt=0)
    """Length of the embedding as `model` pools it."""
    input_size: int | None = None
    """Side in pixels of what the network sees; None: any."""
    mpp: tuple[float, ...] = ()
    """µm/px of the images that it was trained on; empty: photographs, or nobody says."""
    gated: bool = False
    """Whether the hub gives the weights only to those whose request was granted."""
    form: Form = "timm"
    file: str = "model.safetensors"
    """Of the weights, in the repository."""
    model: ModelConfig
    published: tuple[Published, ...] = ()

    @property
    def repository(self) -> str:
        """Of the hub, `ORG/NAME`; empty: the weights are those that timm or torchvision has."""
        weights = self.model.weights
        return weights.removeprefix(HUB_PREFIX) if weights.startswith(HUB_PREFIX) else ""

    @property
    def gigabytes(self) -> float:
        """Of the weights in float32."""
        return 4 * self.parameters / 1000


@functools.cache
def backbones() -> dict[str, Backbone]:
    """Every backbone by its name on the command line, those for pathology first."""
    rows: dict[str, dict[str, Any]] = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    # From TOML lists come as lists, so the rows are read as JSON is: lists for tuples, and nothing else bent.
    return {name: Backbone.model_validate(row, strict=False) for name, row in rows.items()}


def published_in(repository: str) -> Backbone | None:
    """The backbone whose weights a repository of the hub holds; None: not in the table."""
    return next((row for row in backbones().values() if row.repository == repository), None)


def backbone_model(name: str) -> dict[str, Any] | None:
    """The `[model]` table that a backbone's name stands for; None: no name of the table, such as an architecture's.

    Raises:
        RecipeError: Its licence restricts use.
    """
    row = backbones().get(name)
    if row is None:
        return None
    if row.refused:
        raise RecipeError(
            f"{row.title} is under {row.licence}: {row.refused}; choose another (`sentinode backbones`), or, where you "
            "have the right, name architecture and weights yourself (docs/backbones.md)"
        )
    return row.model.model_dump(mode="json", exclude_unset=True)
