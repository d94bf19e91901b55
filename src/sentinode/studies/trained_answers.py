"""What a network answers after it was trained within a study: an answer, and no run is kept."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sentinode.core.progress import SILENT
from sentinode.data.dataset import Dataset, Images
from sentinode.models.deployed_model import DeployedModel
from sentinode.training.network_fit import fit
from sentinode.training.recipe import Recipe

_BATCH = 256


def answers_after_training(
    recipe: Recipe, data: Callable[[], Dataset], tested: Images, scratch: Path, threads: int
) -> NDArray[np.float64]:
    """(T,) the probability of the positive class of every tested patch.

    Args:
        recipe: Of the training.
        data: Makes what is trained on; it may write into `scratch`.
        tested: (T, S, S, 3) uint8.
        scratch: A folder for the training, removed before and after it.
        threads: CPU threads.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        fitted = fit(recipe, data(), scratch, threads=threads, progress=SILENT)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    assert fitted is not None  # one device
    deployed = DeployedModel(fitted.network, fitted.preprocessing, head=recipe.model.head).eval()
    with torch.inference_mode():
        parts = [
            deployed(torch.from_numpy(tested[start : start + _BATCH]))[0][:, 1].numpy()
            for start in range(0, len(tested), _BATCH)
        ]
    return np.concatenate(parts).astype(np.float64)
