"""What `sentinode study centres` does, fixed before it runs, and printed on its page."""

import tomli_w
from pydantic import BaseModel, ConfigDict, Field

NEW = ("centre known", "centre left out")
"""Arms on a new centre. The first is what the other is held against."""

TIES = {"not tied": 0.5, "three quarters tied": 0.75, "wholly tied": 1.0}
"""Arms on tied training images: the share of each class that comes from its own side of the centres."""

MODELS = {"features": "frozen features", "colour": "colour alone"}
"""What each arm is tried on, and what it is called."""


class CentresProtocol(BaseModel):
    """Every choice; none depends on a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = "What does a centre that was not trained on cost, and what a centre that is tied to the class?"
    patches: int = Field(default=2000, ge=40)
    """Drawn from all splits of the data, half of each class."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the training images drawn; all arms have the same ones."""
    stand_ins: int = Field(default=4, ge=2, le=8)
    """Centres that stand in where none is known, at most: clusters of 24 clusters of hue, which stand for slides."""
    share: float = Field(default=0.9, gt=0, le=1)
    """Of the images of all other centres, the share that is drawn for training in both arms on a new centre."""
    features: str = "squeezenet1_1"
    """ImageNet weights, frozen; logistic regression on them."""
    regularisation: float = 0.01
    """C of the logistic regression, on frozen features and on mean and deviation of colour alike."""

    def to_toml(self) -> str:
        """As the page prints it."""
        return tomli_w.dumps(self.model_dump(mode="json"))
