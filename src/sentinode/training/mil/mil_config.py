"""The recipe's `[mil]` table: which aggregator is fitted to slides with a label only, and how."""

from typing import Literal

from pydantic import Field, field_validator

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.model_config import BUNDLE_PREFIX


class MilConfig(AggregatorConfig):
    """An aggregator and its fitting."""

    epochs: int = Field(default=60, ge=1)
    """The most; early stopping ends sooner."""
    batch_size: int = Field(default=8, ge=1)
    """Bags a step."""
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    """Of AdamW."""
    instances: int = Field(default=4096, ge=1)
    """Tiles of a bag that a step looks at, drawn anew in each epoch; a bag of no more is taken whole. Of lesions of
    one tile, a sample of half of the bag misses half: fewer tiles are faster, and worse where lesions are small."""
    instance_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of these tiles that is left out; one stays."""
    class_weight: Literal["none", "balanced"] = "balanced"
    """`balanced`: classes weigh the same however many slides they have: n / (classes × n of the class)."""
    validation: float = Field(default=0.2, ge=0, lt=1)
    """Share of the patients that early stopping is judged by; they are not learned from. 0: every epoch is run, and the
    last one's weights are kept."""
    patience: int = Field(default=12, ge=1)
    """Epochs without a lower validation loss before fitting ends."""

    start: str = ""
    """`bundle:FOLDER`: a slide bundle of the same sizes, classes and features, whose weights its method begins with;
    empty, and with other methods: random ones."""

    @field_validator("start")
    @classmethod
    def _is_bundle(cls, start: str) -> str:
        if start and not start.startswith(BUNDLE_PREFIX):
            raise ValueError('is not of the form "bundle:FOLDER"')
        return start

    @property
    def aggregator(self) -> AggregatorConfig:
        """Method and sizes alone."""
        return AggregatorConfig.model_validate(self.model_dump(include=set(AggregatorConfig.model_fields)))
