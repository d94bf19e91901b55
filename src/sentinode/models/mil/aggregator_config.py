"""What an aggregator is: its method and its sizes. The part of a recipe's `[mil]` table that a slide bundle keeps."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Method = Literal["mean", "max", "top-k", "abmil", "clam-sb", "dsmil", "transmil"]

METHODS: tuple[Method, ...] = get_args(Method)
"""Every method, in the order in which they are shown side by side."""


class AggregatorConfig(BaseModel):
    """Method and sizes of an aggregator."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = "abmil"
    hidden: int = Field(default=128, ge=4, le=4096, multiple_of=4)
    """H: the features of each tile (of `mean`: of the slide) are brought to this length first. `transmil` splits it
    over four heads."""
    attention_size: int = Field(default=64, ge=1, le=4096)
    """Length of what attention is computed from (`abmil`, `clam-sb`), and of the queries of `dsmil`."""
    k: int = Field(default=10, ge=1)
    """How many tiles `top-k` averages."""
    dropout: float = Field(default=0.25, ge=0, lt=1)
    """Share of the hidden features that is dropped while training."""
    feature_dropout: float = Field(default=0.25, ge=0, lt=1)
    """Share of the features that is dropped while training, in a step the same ones of every tile."""

    @property
    def pools_first(self) -> bool:
        """Whether the answer to a bag is that to a bag of one tile, its mean."""
        return self.method == "mean"
