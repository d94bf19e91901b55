"""What `sentinode study context` does, fixed before it runs, and printed on its page."""

from typing import Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.studies.composition_study import PCAM_MPP
from sentinode.training.recipe import Recipe, parse_recipe

ALONE, CONTEXT = "tile alone", "with context"
ARMS = (ALONE, CONTEXT)


class ContextProtocol(BaseModel):
    """Every choice; none depends on a result on the slides that are tested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = "What does a second, four times coarser field of view around each tile add?"
    training_slides: int = Field(default=30, ge=4)
    """Composed of patches of the source's training split; every second one has tumour."""
    tested_slides: int = Field(default=40, ge=4)
    """Composed of patches of its test split, or else of its validation split."""
    columns: int = Field(default=48, ge=8)
    """Of a slide, in cells: each is a patch."""
    rows: int = Field(default=36, ge=8)
    training_lesions: tuple[int, int] = (4, 10)
    """Least and most lesions of a slide with tumour."""
    tested_lesions: tuple[int, int] = (1, 6)
    lesion_cells: tuple[int, int] = (1, 40)
    """Least and most cells of a lesion; each size is as likely as its double."""
    mpp: float = PCAM_MPP
    """µm/px of the patches."""
    ratio: float = 2.0
    """Normal tiles for one of tumour to learn from."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    """Of first weights of what is new, of order and augmentation; both arms have the same ones."""
    network: str = "squeezenet1_1"
    network_side: int = Field(default=64, ge=8)
    """Of what each backbone sees, in pixels."""
    epochs: int = Field(default=3, ge=1)
    """With context. Of tiles alone twice as many: each costs half as much, so both arms compute the same."""
    batch_size: int = 32
    learning_rate: float = 3e-4
    sensitivities: tuple[float, ...] = (0.7, 0.8, 0.9)
    """Shares of the lesions at which false lesions are counted; the verdict goes by the middle one."""
    rate: float = 1.0
    """False lesions a normal slide at which lesions by size are counted."""
    small: int = 3
    """Most cells of a small lesion."""
    radius_um: float = 200.0
    """Of the highest cells outside of lesions, those nearer to a higher one are the same false lesion."""
    minimum: float = 0.01
    """Least score of a false lesion."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(not 0 < share <= 1 for share in self.sensitivities) or len(self.sensitivities) % 2 == 0:
            raise ValueError(f"sensitivities = {list(self.sensitivities)}; give an odd number of shares of 1")
        return self

    @property
    def tiles(self) -> TilesConfig:
        """How tiles are drawn: the outlines are exact, so that a normal tile may touch tumour."""
        return TilesConfig.model_validate({
            "size_px": 96, "mpp": self.mpp, "margin_um": 0, "ratio": self.ratio, "fractions": (0.85, 0.15, 0),
            "context": True,
        })  # fmt: skip

    def recipe(self, arm: str, seed: int, source: str, weights: str) -> Recipe:
        """That of one training."""
        values: dict[str, Any] = {
            "name": arm,
            "data": {"source": source, "near_copies": False, "on_leak": "drop"},
            "model": {
                "architecture": self.network,
                "weights": weights,
                "input_size": self.network_side,
                "context": arm == CONTEXT,
            },
            "training": {
                "epochs": self.epochs if arm == CONTEXT else 2 * self.epochs,
                "batch_size": self.batch_size,
                "learning_rate": self.learning_rate,
                "keep": "last",
                "augmentation": {"flips": True, "quarter_turns": True, "stain": 0.1, "brightness": 0.1},
            },
            # Of the bundles nothing is asked but scores: a wide band suits few validation tiles.
            "evaluation": {"targets": [], "flagged": 0.25},
            "seed": seed,
        }
        return parse_recipe(values, "of the study")

    def to_toml(self) -> str:
        """As the page prints it."""
        return tomli_w.dumps(self.model_dump(mode="json"))
