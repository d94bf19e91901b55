"""From minutes to steps: measured once, at the start, so that what comes out does not hang on how busy a machine is."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from sentinode.training.pretraining.pretrain_recipe import PretrainRecipe
from sentinode.training.pretraining.pretraining_fit import batches, build_learner
from sentinode.training.pretraining.pretraining_images import PretrainingImages
from sentinode.training.pretraining.probe import chosen_kind

_WARM, _TIMED = 2, 6
_PROBES = 11


@dataclass(frozen=True)
class StepBudget:
    """What so many minutes hold."""

    minutes: float
    seconds_per_step: float
    seconds_per_probe: float
    steps: int


def measure_budget(recipe: PretrainRecipe, images: PretrainingImages, minutes: float, threads: int) -> StepBudget:
    """Time a few steps and a probe on a network that is then thrown away."""
    torch.set_num_threads(threads)
    learner = build_learner(recipe.with_steps(_WARM + _TIMED), images)
    paces = []
    for _, tiles in zip(range(_WARM + _TIMED), batches(recipe, images, 0), strict=False):
        began = time.monotonic()
        learner.learn(tiles)
        paces.append(time.monotonic() - began)
    began = time.monotonic()
    learner.probed(chosen_kind(recipe.probe, images.labels), 0.0)
    probe = time.monotonic() - began
    pace = float(np.median(paces[_WARM:]))
    return StepBudget(minutes, pace, probe, max(1, int((60 * minutes - _PROBES * probe) / pace)))
