"""What `sentinode study stain` does, fixed before it runs, and printed on its page."""

from typing import Literal

import tomli_w
from pydantic import BaseModel, ConfigDict

from sentinode.core.stain.stain_look import Method

ARMS = ("none", "augmentation", "normalisation", "both")
"""The first is what the others are held against."""

MODELS = {"network": "small network, trained", "features": "frozen features"}
"""What each arm is tried on, and what it is called."""

COLOUR = "colour"
COLOUR_ARMS = ("before", "after")
"""Logistic regression on mean and deviation of colour, before and after normalisation."""


class StainProtocol(BaseModel):
    """Every choice; none depends on a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = "What do stain augmentation and stain normalisation add on images of appearances not trained on?"
    patches: int = 2000
    """Drawn from all splits of the data, half of each class."""
    grouping: Literal["clusters of hue"] = "clusters of hue"
    """Stands for laboratories: k-means, 24 clusters, of the hue of nuclei and of what lies between them."""
    folds: int = 3
    """Whole clusters are held out."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of weights, order and augmentation; all arms have the same ones."""
    validation: float = 0.15
    """Share of the training images that the temperature is fitted to."""
    method: Method = "macenko"
    """Of normalisation; each image by itself where its slide is not known, to the median of the training images."""
    hed: float = 0.2
    """Strength of stain jitter in the arms that augment (Tellez et al. 2018)."""
    appearance: float = 0.6
    """Share of images that get another image's whole stain there (RandStainNA, Shen et al. 2022)."""
    network: str = "cnn3"
    network_side: int = 48
    """Of what it sees, in pixels."""
    epochs: int = 5
    batch_size: int = 32
    learning_rate: float = 3e-3
    features: str = "squeezenet1_1"
    """ImageNet weights, frozen; logistic regression on them."""
    copies: int = 2
    """Of each training image, flipped and turned in every arm, for the frozen features."""
    regularisation: float = 0.01
    """C of the logistic regression."""

    def to_toml(self) -> str:
        """As the page prints it."""
        return tomli_w.dumps(self.model_dump(mode="json"))
