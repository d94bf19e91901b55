"""`slide-model.json`: everything about a slide model that is not weights. Unknown keys and wrong types are refused."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.core.decision import OperatingPoint
from sentinode.core.messages import plural
from sentinode.models.bundle_info import CARD_FILE, EXAMPLE_FILE, Headline, Provenance
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.bag import BagGrid

SLIDE_FORMAT_VERSION = 1

ENCODER_FILE = "encoder.onnx"
AGGREGATOR_FILE = "aggregator.onnx"
AGGREGATOR_WEIGHTS_FILE = "aggregator.safetensors"

SLIDE_FILES = frozenset({ENCODER_FILE, AGGREGATOR_FILE, AGGREGATOR_WEIGHTS_FILE, EXAMPLE_FILE, CARD_FILE})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SlideCalibration(_Part):
    """From an aggregator's logits to probabilities: sigmoid(scale × logit + shift) that a slide is above a class."""

    scale: float = Field(gt=0, allow_inf_nan=False)
    shift: tuple[float, ...] = Field(min_length=1)
    """One for each of the C logits."""


class SlideBundleInfo(_Part):
    """All of `slide-model.json`."""

    format_version: int = SLIDE_FORMAT_VERSION
    name: str
    task: Literal["slide classification"] = "slide classification"
    description: str = ""
    classes: tuple[str, ...] = Field(min_length=2)
    """In the order of the probabilities; the first is that nothing is found, more than two are ordered."""
    label_rule: str = ""
    """What counts as found, in words, isolated tumour cells in particular."""
    aggregator: AggregatorConfig
    features: FeatureSpace
    """What a tile's features mean; a bag of another kind is refused."""
    feature_size: int = Field(ge=1)
    """D, their length."""
    grid: BagGrid | None = None
    """The grid that tiles were cut on; None where another program cut them and does not say it."""
    calibration: SlideCalibration
    threshold: OperatingPoint
    """A slide is positive when the probability of all classes but the first together is at least its value."""
    provenance: Provenance
    metrics: Headline | None = None
    limits: tuple[str, ...] = ()
    """What to know before relying on it, in sentences."""
    tile_bundle: str | None = None
    """Hash of the bundle in `tiles/`; None where the features are of no bundle. Filled in when it is written."""
    files: dict[str, str] = {}
    """SHA-256 of every other file, by its name; filled in likewise."""
    sha256: str | None = None
    """The hash of all the other fields, `files` among them; filled in likewise."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes {list(self.classes)} have one twice")
        if len(self.calibration.shift) != len(self.classes) - 1:
            raise ValueError(
                f"{plural(len(self.calibration.shift), 'shift')} for {plural(len(self.classes), 'class')}; there is "
                "one less than classes"
            )
        return self
