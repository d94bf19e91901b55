"""The `[training]` and `[evaluation]` parts of a recipe."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sentinode.core.stain.stain_look import Method
from sentinode.metrics.decisions.rules import parse_rule
from sentinode.metrics.targets import parse_target
from sentinode.models.model_config import BUNDLE_PREFIX

_FROZEN = ConfigDict(frozen=True, extra="forbid")

Sampling = Literal["shuffled", "balanced", "streamed"]
"""In which order training images come; see `sentinode.training.batches.EpochOrder`."""


class StainConfig(BaseModel):
    """What is done to the stain of every image before the network sees it, in training and ever after: `[stain]`."""

    model_config = _FROZEN

    normalise: Literal["none", Method] = "none"
    """Give every image the stain of the training data: `macenko` or `vahadane` (haematoxylin and eosin, by one matrix
    in optical density), `reinhard` (mean and deviation of colour). The bundle does the same to what it is asked of: by
    the slide's stain in a scan and where slides are known, otherwise by each image's own."""


class AugmentationConfig(BaseModel):
    """What is done to a training batch, on its device; every image gets its own draw.

    The amounts follow torchvision's conventions: a brightness of 0.3 multiplies by a factor between 0.7 and 1.3.
    """

    model_config = _FROZEN

    flips: bool = True
    """Horizontal and vertical mirror images, each with probability one half."""
    quarter_turns: bool = False
    """Turns by 0, 90, 180 or 270 degrees; with `flips` these are the eight symmetries of the square (D4)."""
    rotation: float = Field(default=0.0, ge=0, le=180)
    """Turns by an angle between plus and minus this many degrees; corners are filled by reflection."""
    brightness: float = Field(default=0.0, ge=0, lt=1)
    contrast: float = Field(default=0.0, ge=0, lt=1)
    saturation: float = Field(default=0.0, ge=0, lt=1)
    hue: float = Field(default=0.0, ge=0, le=0.5)
    """Part of the full colour circle by which the hue turns at most."""
    stain: float = Field(default=0.0, ge=0, lt=1)
    """Strength of the jitter in haematoxylin–eosin space (Tellez et al. 2018)."""
    appearance: float = Field(default=0.0, ge=0, le=1)
    """Part of the images that are given the whole stain of another slide (or cluster of similar stain) of the training
    data, see `training.appearances`."""
    gamma: float = Field(default=0.0, ge=0, lt=1)
    """0.3 raises intensities to a power between 1/1.3 and 1.3, as monitors and scanners do."""
    scale: float = Field(default=0.0, ge=0, lt=1)
    """0.2 magnifies by a factor between 1/1.2 and 1.2: a slide's µm/px may be wrong, and nuclei differ in size. What is
    missing at the border is filled by reflection."""
    blur: float = Field(default=0.0, ge=0, le=2)
    """Half of the images are blurred by a Gaussian of a standard deviation up to this many pixels."""
    focus: float = Field(default=0.0, ge=0, le=0.5)
    """Half of the images are blurred or sharpened, and shifted by part of a pixel: 0.5 blurs an axis by (¼, ½, ¼) at
    most, and a quarter of that sharpens it."""
    jpeg: float = Field(default=0.0, ge=0, le=1)
    """Part of the images that are compressed again as by JPEG, at qualities from `jpeg_quality` to 95."""
    jpeg_quality: int = Field(default=50, ge=10, le=95)
    """The lowest of these qualities."""
    mixup: float = Field(default=0.0, ge=0)
    """Mixes each image and its label with those of another, by a share from Beta(m, m) (Zhang et al. 2018); 0 is
    off."""


class TrainingConfig(BaseModel):
    """How a network is fitted."""

    model_config = _FROZEN

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=1)
    """Images a step, on each device."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-4, gt=0)
    head_learning_rate_factor: float = Field(default=1.0, gt=0)
    """The head learns this many times faster than the pretrained rest."""
    weight_decay: float = Field(default=0.0, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of SGD."""
    schedule: Literal["constant", "plateau", "cosine", "one-cycle"] = "cosine"
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Linear rise of the learning rate from nearly nothing; of `one-cycle`, the part before its peak."""
    plateau_patience: int = Field(default=2, ge=0)
    plateau_factor: float = Field(default=0.5, gt=0, lt=1)
    minimum_learning_rate: float = Field(default=0.0, ge=0)
    class_weight: Literal["none", "balanced"] | list[float] = "none"
    """Weights of the loss: `balanced` is n / (classes × n of the class), computed on the training split alone; or one
    number a class, in the order of the class names."""
    sampling: Sampling = "shuffled"
    """`balanced` draws every class equally often, with replacement. `streamed` shuffles within 256 MB at a time, so
    that the pack is read in long runs: for data that is larger than memory, on a disk that is slow to seek."""
    epoch_images: int = Field(default=0, ge=0)
    """Training images in an epoch; 0: all. Of larger data an epoch is then a part: the next one goes on where this one
    ended, and validation and a checkpoint come in between."""
    loss: str = "cross-entropy"
    """What is minimised: `cross-entropy`, `focal`, `generalised-cross-entropy`, or one of an installed package; see
    `sentinode.training.losses`."""
    loss_arguments: dict[str, Any] = {}
    """Arguments of the loss: `gamma` of `focal` (2 by default), `q` of `generalised-cross-entropy` (0.7)."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Label smoothing of `cross-entropy`."""
    teacher: str = ""
    """`bundle:PATH|NAME`: a model whose answers to the same augmented images are learned (Hinton et al. 2015); empty:
    the labels alone."""
    teacher_weight: float = Field(default=0.8, gt=0, le=1)
    """Share of the teacher in the loss; the rest is the labels'."""
    teacher_temperature: float = Field(default=2.0, gt=0)
    """Softens the answers of both, so that a wrong class's share is heard, too."""
    teacher_looks: int = Field(default=2, ge=1, le=8)
    """Orientations of each image, drawn anew each time, over which the teacher averages. Over the epochs it comes to
    the mean of all eight at a part of the cost."""
    unlabelled: str = ""
    """A folder of images of the tiles' size without labels (JPEG, PNG, TIFF), which are learned from the teacher."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    """`auto`: bfloat16 or float16 where a GPU has it, float32 on a CPU. The last two are mixed precision."""
    gradient_clip: float = Field(default=0.0, ge=0)
    """Largest norm of the gradient; 0 leaves it alone."""
    average_decay: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the exponential moving average of the weights, which is then what is validated and kept; 0 is off."""
    stop_after: int = Field(default=0, ge=0)
    """Early stopping: epochs without a better validation metric before training ends; 0 is off."""
    monitor: Literal["auc", "loss", "accuracy"] = "auc"
    """The validation metric by which the best epoch, early stopping and the plateau are judged."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's weights become the bundle. `last` suits a schedule that ends at zero, and picks nothing."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: int = Field(default=1, ge=1)
    augmentation: AugmentationConfig = AugmentationConfig()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            message = f"warmup_epochs = {self.warmup_epochs} leaves nothing of epochs = {self.epochs}; lower it"
            raise ValueError(message)
        if 0 < self.epoch_images < self.batch_size:
            message = f"epoch_images = {self.epoch_images} is less than batch_size = {self.batch_size}; raise it"
            raise ValueError(message)
        if self.teacher and not self.teacher.startswith(BUNDLE_PREFIX):
            message = f'teacher = {self.teacher!r} is not of the form "bundle:PATH" or "bundle:NAME"'
            raise ValueError(message)
        if self.unlabelled and not self.teacher:
            message = f"unlabelled = {self.unlabelled!r} can only be learned from a teacher; set training.teacher"
            raise ValueError(message)
        if self.class_weight != "none" and self.sampling == "balanced":
            message = "class_weight and sampling = 'balanced' would both even out the classes; choose one of them"
            raise ValueError(message)
        return self


class EvaluationConfig(BaseModel):
    """How the threshold and the low-confidence band are chosen on validation, and what the test should reach."""

    model_config = _FROZEN

    threshold: str = "sensitivity>=0.95"
    """The rule that chooses the operating threshold; see `sentinode.metrics.decisions.thresholds`."""
    flagged: float = Field(default=0.1, gt=0, lt=1)
    """The part of the validation images that the low-confidence band flags."""
    targets: tuple[str, ...] = ()
    """What the test split should reach, such as `sensitivity>=0.95`; the report shows which are met."""

    @field_validator("threshold")
    @classmethod
    def _is_rule(cls, threshold: str) -> str:
        parse_rule(threshold)
        return threshold

    @field_validator("targets")
    @classmethod
    def _are_targets(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            parse_target(target)
        return targets
