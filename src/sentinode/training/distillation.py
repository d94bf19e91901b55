"""Learning from a teacher: one look of a small network is brought to answer as many looks of large ones do.

Teacher and student see the same augmented image, and the student is held to the teacher's answer to it (Hinton et al.
2015, arXiv:1503.02531; that both must see one image: Beyer et al. 2022, arXiv:2106.05237).
"""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sentinode.core.errors import DataError, RecipeError
from sentinode.core.images import read_image
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_network import load_deployed
from sentinode.models.deployed_model import DeployedModel, orientations
from sentinode.models.ensemble_network import EnsembleNetwork
from sentinode.models.model_config import BUNDLE_PREFIX
from sentinode.training.training_config import TrainingConfig

UNLABELLED = -1
"""The label of an image that has none."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


class Teacher(nn.Module):
    """A deployed model that answers a few orientations of each image, drawn anew each time, at all of its sizes."""

    def __init__(self, deployed: DeployedModel, looks: int) -> None:
        """Args: the model, which is changed: it no longer averages over orientations itself; how many it is to see."""
        super().__init__()
        self.deployed = deployed.eval().requires_grad_(requires_grad=False)
        self._looks = looks
        deployed.test_time = "none"
        if isinstance(deployed.network, EnsembleNetwork):
            for member in deployed.network.members:
                cast(DeployedModel, member).test_time = "none"

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """(N, H, W, 3) float in [0, 255] → calibrated logits (N, classes)."""
        count, height, width, _ = images.shape
        turned = orientations(images.permute(0, 3, 1, 2)).view(8, count, 3, height, width)
        chosen = torch.randperm(8, device=images.device)[: self._looks]
        tiles = turned[chosen].flatten(0, 1).permute(0, 2, 3, 1)
        logits = self.deployed.logits(tiles)[0] / self.deployed.temperature
        mean: Tensor = logits.view(self._looks, count, -1).mean(0)
        return mean


def load_teacher(config: TrainingConfig, classes: tuple[str, ...], tile_size: int) -> Teacher:
    """The recipe's teacher.

    Args:
        config: `teacher` is `bundle:PATH|NAME`.
        classes: Names, in the order of the student's logits.
        tile_size: Side of the images in pixels.

    Raises:
        BundleError: There is no such bundle, or it is damaged.
        RecipeError: It tells other classes apart, or sees tiles of another size.
    """
    bundle: Bundle = open_bundle(config.teacher.removeprefix(BUNDLE_PREFIX))
    info = bundle.info
    if info.classes.names != classes or info.input.tile_size != tile_size or info.input.pooling:
        raise RecipeError(
            f"training.teacher = {config.teacher!r} tells {', '.join(info.classes.names)} apart on tiles of "
            f"{info.input.tile_size} px; the data has {', '.join(classes)} on images of {tile_size} px: name a bundle "
            "of the same classes and size"
        )
    if info.precision == "int8":
        raise RecipeError(f"training.teacher = {config.teacher!r} is INT8; name the bundle that it was quantised from")
    info.refuse_context("a teacher sees the student's images, which are tiles alone")
    if info.input.stain:
        raise RecipeError(
            f"training.teacher = {config.teacher!r} normalises stain, and a teacher sees the student's images; name a "
            "bundle without"
        )
    return Teacher(load_deployed(bundle), config.teacher_looks)


def distillation_loss(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Mean Kullback–Leibler divergence of the student's answers from the teacher's, both softened.

    Args:
        logits: (N, classes) of the student, or (N, 1) of the positive class.
        taught: (N, classes) of the teacher.
        temperature: Divides both. The result is multiplied by its square, which keeps the size of its gradients.
    """
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    student = functional.log_softmax(logits.float() / temperature, dim=1)
    teacher = functional.log_softmax(taught.float() / temperature, dim=1)
    return temperature**2 * functional.kl_div(student, teacher, reduction="batchmean", log_target=True)


def read_unlabelled(folder: str, tile_size: int) -> NDArray[np.uint8]:
    """Every image of a folder and those below it: (n, H, W, 3) uint8, in the order of their paths.

    Raises:
        DataError: There is none, or one is of another size.
    """
    files = sorted(path for path in Path(folder).expanduser().rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise DataError(f"training.unlabelled = {folder!r} has no JPEG, PNG or TIFF image; give a folder of tiles")
    out = np.empty((len(files), tile_size, tile_size, 3), np.uint8)
    for place, file in enumerate(files):
        image = read_image(file)
        if image.shape != out.shape[1:]:
            raise DataError(
                f"{file} has {image.shape[1]}×{image.shape[0]} px, and the labelled images {tile_size}×{tile_size}; "
                "cut the unlabelled ones to that size"
            )
        out[place] = image
    return out
