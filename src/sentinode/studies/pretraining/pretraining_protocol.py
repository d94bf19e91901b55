"""What `sentinode study pretraining` does, fixed before it runs, and printed on its page."""

from typing import Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.training.pretraining.pretrain_recipe import PretrainRecipe
from sentinode.training.recipe import checked

ARMS = ("without", "pretraining")
"""The first starts from the protocol's weights as they are, the second from what pretraining made of them."""

MODELS = {"features": "frozen features", "network": "fine-tuned"}
"""What each arm is tried on, and what it is called."""


class PretrainingProtocol(BaseModel):
    """Every choice; none depends on a result on the images that are tested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = "What does pretraining without labels add to public weights, at 1, 10 and 100 % of the labels?"
    patches: int = Field(default=2000, ge=8)
    """Drawn from the training split, half of each class. Pretraining sees all of them, without labels."""
    tested: int = Field(default=1000, ge=8)
    """Drawn from the test split, half of each class."""
    shares: tuple[float, ...] = Field(default=(0.01, 0.1, 1.0), min_length=1)
    """Of the patches: how many come with their labels, half of each class."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    """Of the labels drawn, of the pretraining and of the training; both arms have the same ones."""
    grouping: Literal["clusters of hue"] = "clusters of hue"
    """Of the tested patches, for the intervals: stands for slides, which are not known."""
    network: str = "squeezenet1_1"
    network_side: int = Field(default=64, ge=8)
    """Of what it sees, in pixels."""
    method: Literal["simsiam", "byol", "dino"] = "simsiam"
    steps: int = Field(default=160, ge=1)
    """Of pretraining; the last ones' weights count, and no label is looked at."""
    pretraining_batch: int = 64
    pretraining_rate: float = 1e-4
    epochs: int = 1
    """Of the training: in one of them as many images are seen as there are patches, the labelled ones over and over.
    So every share and both arms have the same number of steps."""
    batch_size: int = 32
    learning_rate: float = 3e-4
    regularisation: float = 0.01
    """C of logistic regression on the frozen features."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(not 0 < share <= 1 for share in self.shares) or min(map(self.labels, self.shares)) < 4:
            raise ValueError(f"shares = {list(self.shares)}; give parts of 1 that leave at least 4 labels")
        return self

    def labels(self, share: float) -> int:
        """How many patches come with a label: an even number."""
        return 2 * round(share * self.patches / 2)

    def pretraining(self, weights: str, seed: int) -> PretrainRecipe:
        """The recipe of pretraining; the probe keeps an eye on it and stops nothing."""
        values: dict[str, Any] = {
            "data": {"source": "study"},
            "model": {"architecture": self.network, "weights": weights, "input_size": self.network_side},
            "pretraining": {
                "method": self.method,
                "steps": self.steps,
                "batch_size": self.pretraining_batch,
                "learning_rate": self.pretraining_rate,
            },
            "probe": {"kind": "found-again", "steps": self.steps, "images": 300},
            "seed": seed,
        }
        return checked(PretrainRecipe, values, "of the study")

    def to_toml(self) -> str:
        """As the page prints it."""
        return tomli_w.dumps(self.model_dump(mode="json"))
