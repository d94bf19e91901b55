"""The recipe's `[model]` table."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.core.errors import RecipeError

Head = Literal["softmax", "logit"]
TestTime = Literal["none", "d4"]
Storage = Literal["float32", "float16"]
Pooling = Literal["mean", "max", "centre", "centre-max", "attention", "token"]
Mean = Literal["probabilities", "logits"]
TilePooling = Literal["mean", "max"]
"""How the embeddings of an image's tiles become the image's."""

BUNDLE_PREFIX = "bundle:"
"""How `weights` begins where it names a bundle, whose backbone is taken."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class ModelConfig(BaseModel):
    """What the network is, where its weights come from, and what is around it when it is deployed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    """`squeezenet1_1`, `cnn3`, or any name that timm knows."""

    weights: str = "none"
    """`none`; `imagenet`; a timm tag; `hf-hub:ORG/NAME`; a file (.safetensors, .pt, .pth, .bin); `bundle:PATH|NAME`."""

    head: Head = "softmax"
    """`softmax` over the classes, or for two classes one `logit` for the second of them."""

    trainable: tuple[str, ...] = ()
    """Stages that learn, by the names of the architecture's own modules; empty: every one."""

    head_first_epochs: int = Field(default=0, ge=0)
    """Epochs at the start in which the head alone learns."""

    input_size: int | None = Field(default=None, ge=8, le=4096)
    """Side in pixels of what the network sees; tiles of another size are resized in the graph. None: the tile's own."""

    training_size: int | None = Field(default=None, ge=8, le=4096)
    """Side in pixels of what the network sees while it is trained; None: `input_size`. Networks that learned from
    magnified and shifted images are often better on somewhat larger ones (Touvron et al. 2019, arXiv:1906.06423)."""

    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the embedding that is dropped before the head while training."""

    pooling: tuple[Pooling, ...] = Field(default=("mean",), min_length=1)
    """How the last feature map becomes the embedding, concatenated in this order; `centre` is its central third,
    `attention` a mean whose weights are learned (Ilse et al. 2018). Of a vision transformer the map is that of the
    patch tokens, and `token` is the class token, which `["mean"]` alone takes, too."""

    mean: tuple[float, float, float] | None = None
    """Mean of R, G and B on the scale 0 to 1, which is subtracted. None: what the architecture's public weights want,
    which is ImageNet's for most and 0.5 for others, see `networks.normalisation`."""

    std: tuple[float, float, float] | None = None
    """Standard deviation of R, G and B on the scale 0 to 1, by which is divided. None: as for `mean`."""

    context: bool = Field(default=False, exclude_if=lambda context: not context)
    """Whether a second backbone of the same kind sees what lies around each tile, four times as wide and as coarse
    (see `networks.context_network`). Only tiles of slides have that."""

    test_time: TestTime = "none"
    """`d4`: the deployed model averages the logits over the eight flips and quarter turns of a tile."""

    test_time_sizes: tuple[int, ...] = ()
    """Further sides in pixels at which the deployed model sees each tile; it averages the logits over all of them."""

    storage: Storage = "float32"
    """Precision of the stored weights. `float16` halves a bundle; engines still compute in float32."""

    arguments: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of the architecture, such as `stem_pool = false` for SqueezeNet."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.pooling)) != len(self.pooling):
            raise ValueError(f"pooling = {list(self.pooling)} names one kind twice; name each once")
        if len(set(self.test_time_sizes)) != len(self.test_time_sizes) or self.input_size in self.test_time_sizes:
            raise ValueError(f"test_time_sizes = {list(self.test_time_sizes)} has one size twice; name each once")
        if any(not 8 <= size <= 4096 for size in self.test_time_sizes):
            raise ValueError(f"test_time_sizes = {list(self.test_time_sizes)}; give sizes from 8 to 4096 px")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std = {list(self.std)} has a value that is not above 0")
        return self

    def outputs(self, classes: int) -> int:
        """The number of logits that the network has for so many classes.

        Raises:
            RecipeError: One logit was asked for, and there are not two classes.
        """
        if self.head == "softmax":
            return classes
        if classes != 2:
            raise RecipeError(f'model.head = "logit" tells two classes apart, and there are {classes}; use "softmax"')
        return 1
