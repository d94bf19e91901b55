"""`bundle.json`: everything about a model that is not weights. Unknown keys and wrong types are refused."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.core.decision import LowConfidenceBand, OperatingPoint
from sentinode.core.errors import BundleError
from sentinode.core.metric import Metric
from sentinode.core.stain.normaliser import StainTarget
from sentinode.core.tile_cover import tile_count
from sentinode.models.model_config import ModelConfig, TilePooling

FORMAT_VERSION = 2
"""1: the graph holds its weights. 2: it takes them from the file beside it, and `bundle.json` has its own hash."""

FIRST_SEALED = 2
"""The first format that has the hash."""

GRAPH_FILE = "model.onnx"
GRAPH_LIMIT = 2**31 - 1
"""Bytes that one ONNX file holds, which is a message of protobuf."""
WEIGHTS_FILE = "weights.safetensors"
EXAMPLE_FILE = "example.npz"
REFERENCE_FILE = "reference.npz"
CARD_FILE = "MODEL_CARD.md"
SEEN_FILE = "seen.npz"
INFO_FILE = "bundle.json"

SLIDE_INFO_FILE = "slide-model.json"
"""What a slide bundle has in its place."""
PRETRAINED_INFO_FILE = "pretrained.json"
"""What a pretrained bundle has in its place."""
TILES_FOLDER = "tiles"
"""In a slide bundle: the bundle that the features are of, as a whole, so that a slide model runs alone."""

ENSEMBLE = "ensemble"
"""The architecture's name of a bundle that has members."""

REQUIRED_FILES = frozenset({GRAPH_FILE, WEIGHTS_FILE, EXAMPLE_FILE, REFERENCE_FILE, CARD_FILE})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Classes(_Part):
    """What the model tells apart, in the order of the probabilities."""

    names: tuple[str, ...] = Field(min_length=2)
    positive: str | None = None
    """For two classes: the one that is looked for."""
    aliases: dict[str, str] = {}
    """Other names of a class, such as those of its folder in the training data: `{"1": "tumour"}`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        unknown = ({self.positive} - {None} | set(self.aliases.values())) - set(self.names)
        if unknown:
            raise ValueError(f"{', '.join(sorted(map(str, unknown)))} is not one of the classes {list(self.names)}")
        return self


class Input(_Part):
    """What the graph takes, and what it does with it first. Nothing of this is left to the caller."""

    tile_size: int = Field(ge=1)
    """Side of a tile in pixels."""
    pooling: tuple[TilePooling, ...] = ()
    """When set, images of any size from `tile_size` on are taken: the graph cuts each into tiles that cover it, and
    these statistics of their embeddings, one behind the other, are what the classifier judges."""
    mpp: float | None = Field(default=None, gt=0)
    """Micrometres per pixel of the training tiles, if known."""
    input_size: int = Field(ge=1)
    """Side in pixels of what the network sees."""
    resize: Literal["bilinear, antialiased"] = "bilinear, antialiased"
    """How tiles come to `input_size`, where that differs."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    context: bool = Field(default=False, exclude_if=lambda context: not context)
    """When set, the graph takes each tile before what lies around it, uint8 (N, 2, S, S, 3) (see `core.context`)."""
    stain: StainTarget | None = Field(default=None, exclude_if=lambda stain: stain is None)
    """When set, engines give every tile this stain before the graph sees it: by the slide's where one is scanned, by
    each image's own otherwise."""


class HeadSpec(_Part):
    """A classical classifier on the embedding; its arrays are in the weights' file, as those of the network's head."""

    kind: Literal["linear", "rbf-svm", "forest", "boosting", "neighbours"]
    classes: int = Field(ge=2)
    depth: int = Field(default=0, ge=0)
    """The most cuts between root and leaf of a tree."""
    neighbours: int = Field(default=0, ge=0)
    """How many neighbours are asked."""
    description: str = ""
    """For people: which model, with which parameters."""


class Provenance(_Part):
    """Where the model comes from."""

    recipe: dict[str, Any]
    """The resolved recipe."""
    recipe_sha256: str
    data_sha256: str
    split_sha256: str
    libraries: dict[str, str]
    """Name and version of what it was made with."""
    created: str
    """ISO 8601, UTC."""
    trained_on: str = ""
    """The training data in words, with its licence."""
    started_from: str = ""
    """Where the first weights were found: an installed package, a public tag, a file; empty: random ones."""
    licences: str = ""
    """Licences of the weights it started from and of what else went into it."""
    derived_from: str | None = None
    """SHA-256 of the graph that this one was quantised from, or switched to other test-time averaging."""


class Headline(_Part):
    """What the model measured on a test set, in short; the report has the rest."""

    split: str
    n: int
    figures: dict[str, Metric]


class Member(_Part):
    """One model of an ensemble: what it takes to build it again, and where it comes from."""

    name: str
    graph_sha256: str
    """SHA-256 of the graph of the bundle that it was."""
    input: Input
    model: ModelConfig
    """As in its bundle, but for test-time averaging, which may have been switched."""
    head: HeadSpec | None = None
    embedding_size: int = Field(ge=1)
    temperature: float = Field(gt=0)
    """Divides its logits before the mean is taken."""
    trained_on: str = ""
    licences: str = ""
    libraries: dict[str, str] = {}


class BundleInfo(_Part):
    """All of `bundle.json`."""

    format_version: int = FORMAT_VERSION
    name: str
    task: Literal["classification"] = "classification"
    description: str = ""
    classes: Classes
    input: Input
    model: ModelConfig
    """The architecture's name and arguments, and what is around it, as the recipe had it."""
    members: tuple[Member, ...] = ()
    """The models that an ensemble averages; their weights are stored as `members.0.network.…` and so on."""
    head: HeadSpec | None = None
    """A classical classifier in place of the network's own linear one."""
    embedding_size: int = Field(ge=1)
    precision: Literal["float32", "float16", "int8"]
    """Precision of the weights in the graph. All but `int8` compute in float32."""
    temperature: float = Field(gt=0)
    threshold: OperatingPoint | None = None
    """None for more than two classes, where the likeliest wins."""
    low_confidence: LowConfidenceBand | None = None
    provenance: Provenance
    metrics: Headline | None = None
    limits: tuple[str, ...] = ()
    """What to know before relying on it, in sentences."""
    files: dict[str, str] = {}
    """SHA-256 of every other file, by its name; filled in when the bundle is written."""
    sha256: str | None = None
    """The bundle's hash: of all the other fields, `files` among them; filled in likewise. None in format 1."""

    def refuse_context(self, what: str) -> None:
        """Refuse a bundle that sees tiles with their context.

        Args:
            what: What can't be done with it, in words: `single images have none`.

        Raises:
            BundleError: It is one.
        """
        if self.input.context:
            raise BundleError(
                f"bundle {self.name} sees each tile with its context, four times as wide, and {what}; scan slides "
                "with it, or use a bundle that was trained without model.context"
            )

    @property
    def pixels_a_tile(self) -> int:
        """Pixels that the network sees for one tile, over all orientations and sizes of test-time averaging."""
        return sum(
            (8 if part.model.test_time == "d4" else 1) * (2 if part.input.context else 1) * size**2
            for part in self.members or (self,)
            for size in (part.input.input_size, *part.model.test_time_sizes)
        )

    def pixels_an_image(self, height: int, width: int) -> int:
        """Pixels that the network sees for one image of a size that the bundle takes."""
        # What does not pool the tiles of an image takes images of one tile only.
        tiles = tile_count(height, width, self.input.tile_size) if self.input.pooling else 1
        return tiles * self.pixels_a_tile

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.threshold is None) != (self.classes.positive is None):
            raise ValueError("a threshold and a positive class belong together")
        if (self.model.architecture == ENSEMBLE) != bool(self.members):
            raise ValueError("members and the architecture 'ensemble' belong together")
        if self.input.context != self.model.context:
            raise ValueError("the model and its input say different things of context")
        if self.input.pooling and self.head is None:
            raise ValueError("the tiles of an image are pooled for a classical head, and there is none")
        return self
