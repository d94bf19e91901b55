"""What `sentinode study synthesis` does, fixed before it runs, and printed on its page."""

from typing import Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.training.recipe import checked
from sentinode.training.synthesis.synthesis_recipe import SynthesisRecipe

ARMS = ("real, same compute", "real, half the compute", "real and synthetic", "synthetic alone")
"""The others are held against the first, which sees real patches alone, as often as the third sees all of its own."""

MODELS = {"features": "frozen features", "network": "fine-tuned"}
"""What each arm is tried on, and what it is called."""


class SynthesisProtocol(BaseModel):
    """Every choice; none depends on a result on the images that are tested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = "What do synthetic patches add to real ones, at 1, 10 and 100 % of the labels?"
    patches: int = Field(default=2000, ge=8)
    """Drawn from the training split, half of each class."""
    tested: int = Field(default=1000, ge=8)
    """Drawn from the test split, half of each class."""
    shares: tuple[float, ...] = Field(default=(0.01, 0.1, 1.0), min_length=1)
    """Of the patches: how many come with their labels, half of each class."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    """Of the labels drawn, of the generator's steps with labels, of what it draws and of the training; all arms have
    the same ones."""
    grouping: Literal["clusters of hue"] = "clusters of hue"
    """Of the tested patches, for the intervals: stands for slides, which are not known."""
    known: Literal["all patches without labels, and the labels of the share"] = (
        "all patches without labels, and the labels of the share"
    )
    """What the generator has seen: it first learns from all patches without a label, once; then, for each share and
    seed anew, with the labels of that share and no other."""
    side: int = Field(default=48, ge=16)
    """Of all patches, in pixels, real and drawn: larger ones are reduced."""
    unlabelled_steps: int = Field(default=400, ge=1)
    labelled_steps: int = Field(default=30, ge=1)
    """Of the generator, without and with labels. Where there are few, every second image of a step has one."""
    generator_batch: int = Field(default=16, ge=4)
    average_decay: float = 0.98
    """Of the generator's averaged weights; of so few steps a slower average would keep the first ones."""
    network: str = "squeezenet1_1"
    """Another one than the discriminator's, which is EfficientNet-Lite0."""
    epochs: int = 1
    """In one of them twice as many images are seen as there are patches, or, with half the compute, as many: labelled
    ones over and over, drawn ones as many as are wanted."""
    batch_size: int = 32
    learning_rate: float = 3e-4
    regularisation: float = 0.01
    """C of logistic regression on the frozen features; it sees the same images as the network, as often."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(not 0 < share <= 1 for share in self.shares) or min(map(self.labels, self.shares)) < 4:
            raise ValueError(f"shares = {list(self.shares)}; give parts of 1 that leave at least 4 labels")
        return self

    def labels(self, share: float) -> int:
        """How many patches come with a label: an even number."""
        return 2 * round(share * self.patches / 2)

    def generator(self, steps: int, seed: int, features: str, weights: str) -> SynthesisRecipe:
        """The recipe of the generator.

        Args:
            steps: Without or with labels.
            seed: Of these steps.
            features: First weights of the discriminator's features.
            weights: Of the network that measures what is drawn.
        """
        values: dict[str, Any] = {
            "data": {"source": "study"},
            "synthesis": {
                "side": self.side,
                "steps": steps,
                "batch_size": self.generator_batch,
                "weights": features,
                "average_decay": self.average_decay,
                "checks": 4,
            },
            "measure": {"architecture": self.network, "weights": weights},
            "seed": seed,
        }
        return checked(SynthesisRecipe, values, "of the study")

    def to_toml(self) -> str:
        """As the page prints it."""
        return tomli_w.dumps(self.model_dump(mode="json"))
