"""The folder of a run of synthesis: laid out at once, and taken up again when it was stopped."""

import errno
import json
import math
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sentinode.core.errors import RecipeError, StorageError, TrainingError
from sentinode.core.files import atomic_folder, write_json, write_text
from sentinode.core.progress import Progress
from sentinode.core.result_folder import RUN_LOG, held_run, is_empty
from sentinode.core.settings import Settings
from sentinode.training.synthesis.generator_file import GENERATOR_FILE
from sentinode.training.synthesis.synthesis_fit import batches, build_contest
from sentinode.training.synthesis.synthesis_images import SynthesisImages, images_of_source
from sentinode.training.synthesis.synthesis_recipe import SynthesisRecipe, read_synthesis_recipe

STATUS_FILE = "synthesis.json"
_RECIPE_FILE = "recipe.toml"
_WRITTEN = (STATUS_FILE, RUN_LOG, "checkpoints/last.ckpt", GENERATOR_FILE, "figures.json", "samples")
_WARM, _TIMED = 2, 6


@dataclass(frozen=True)
class PaceBudget:
    """What so many minutes hold: measured once, so that what comes out does not hang on how busy a machine is."""

    minutes: float
    seconds_per_step: float
    seconds_per_check: float
    steps: int


@dataclass(frozen=True)
class SynthesisFolder:
    """A run that has begun: its recipe, steps included, and its images are good."""

    path: Path
    recipe: SynthesisRecipe
    images: SynthesisImages
    new: bool
    """Whether this command made the folder: a run that is refused before its first check leaves none behind."""

    def mark(self, status: str, **more: str) -> None:
        """Write how far the run is: `started`, `collapsed` with the reason, `finished`."""
        write_json(self.path / STATUS_FILE, {**read_synthesis(self.path), "status": status, **more})

    def held(self) -> AbstractContextManager[None]:
        """Work in the folder; no other command does at the same time.

        Raises:
            BusyError: Another command works in it.
            KeyboardInterrupt: The user stopped the block; the message says how to go on.
        """
        doing, go_on = f"works in {self.path}", f"sentinode synthesise --resume {self.path}"
        return held_run(self.path, doing, go_on, _WRITTEN, new=self.new)


def begin_synthesis(
    recipe: SynthesisRecipe, minutes: float | None, folder: Path, settings: Settings, progress: Progress
) -> SynthesisFolder:
    """Check recipe and images, turn minutes into steps, and make the folder.

    Raises:
        RecipeError: Neither minutes nor steps are given, or both, or minutes are no number above 0.
        TrainingError: The folder holds something already.
        SentinodeError: The images or the recipe are not as they should be; no folder is made.
    """
    if (minutes is None) == (recipe.synthesis.steps is None):
        raise RecipeError("say how long: with --minutes, or with --set synthesis.steps=…; one of the two")
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise RecipeError(f"--minutes {minutes:g}; give a number of minutes above 0, such as 30")
    if not is_empty(folder):
        raise _taken(folder)
    images = images_of_source(recipe, settings, progress)
    status: dict[str, Any] = {"status": "started", "images_sha256": images.sha256}
    if minutes is not None:
        budget = measure_pace(recipe, images, minutes, settings.threads)
        status["budget"], recipe = asdict(budget), recipe.with_steps(budget.steps)
    try:
        with atomic_folder(folder, replace=False) as temporary:
            write_text(temporary / _RECIPE_FILE, recipe.to_toml())
            write_json(temporary / STATUS_FILE, status)
    except StorageError as error:
        if error.errno == errno.EEXIST:
            raise _taken(folder) from error
        raise
    return SynthesisFolder(folder, recipe, images, new=True)


def reopen_synthesis(folder: Path, settings: Settings, progress: Progress) -> SynthesisFolder:
    """A run that was stopped, with its own recipe and images.

    Raises:
        TrainingError: The folder holds no run of synthesis, the run has collapsed, or its images have changed.
    """
    status = read_synthesis(folder)
    if status["status"] == "collapsed":
        raise TrainingError(f"{status['reason']}; a run that has collapsed does not go on: start another")
    recipe = read_synthesis_recipe(folder / _RECIPE_FILE)
    images = images_of_source(recipe, settings, progress)
    if images.sha256 != status["images_sha256"]:
        raise TrainingError(
            f"{recipe.data.source} is not what it was when {folder} was started; bring the old images back or start a "
            "new run"
        )
    return SynthesisFolder(folder, recipe, images, new=False)


def read_synthesis(folder: Path) -> dict[str, Any]:
    """What `synthesis.json` says.

    Raises:
        TrainingError: The folder holds no run of synthesis.
    """
    path = folder / STATUS_FILE
    if not path.is_file():
        raise TrainingError(
            f"{folder} holds no run of synthesis ({STATUS_FILE} is missing); give the folder that synthesise made"
        )
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def measure_pace(recipe: SynthesisRecipe, images: SynthesisImages, minutes: float, threads: int) -> PaceBudget:
    """Time a few steps and a check on a generator that is then thrown away."""
    torch.set_num_threads(threads)
    contest = build_contest(recipe.with_steps(_WARM + _TIMED), images)
    paces = []
    for _, batch in zip(range(_WARM + _TIMED), batches(recipe, images, 0), strict=False):
        began = time.monotonic()
        contest.learn(*batch)
        paces.append(time.monotonic() - began)
    began = time.monotonic()
    contest.checked((0.0, 0.0))
    check = time.monotonic() - began
    pace = float(np.median(paces[_WARM:]))
    left = 60 * minutes - recipe.synthesis.checks * check
    return PaceBudget(minutes, pace, check, max(1, int(left / pace)))


def _taken(folder: Path) -> TrainingError:
    return TrainingError(
        f"{folder} is not empty; go on with `sentinode synthesise --resume {folder}` or choose another --out"
    )
