"""The folder of a run of pretraining: laid out at once, and taken up again when it was stopped."""

import errno
import json
import math
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import RecipeError, StorageError, TrainingError
from sentinode.core.files import atomic_folder, write_json, write_text
from sentinode.core.progress import Progress
from sentinode.core.result_folder import RUN_LOG, held_run, is_empty
from sentinode.core.settings import Settings
from sentinode.data.tiles.tissue_tiles import read_tissue_tiles
from sentinode.training.pretraining.pretrain_recipe import PretrainRecipe, load_pretrain_recipe
from sentinode.training.pretraining.pretraining_images import PretrainingImages, images_of_slides, images_of_source
from sentinode.training.pretraining.step_budget import measure_budget

STATUS_FILE = "pretraining.json"
_RECIPE_FILE = "recipe.toml"
_WRITTEN = (STATUS_FILE, RUN_LOG, "checkpoints/last.ckpt", "checkpoints/best.safetensors", "bundle")


@dataclass(frozen=True)
class PretrainingFolder:
    """A run that has begun: its recipe, steps included, and its images are good."""

    path: Path
    recipe: PretrainRecipe
    images: PretrainingImages
    new: bool
    """Whether this command made the folder: a run that is refused before its first probe leaves none behind."""

    def mark(self, status: str, **more: str) -> None:
        """Write how far the run is: `started`, `collapsed` with the reason, `finished` with its bundle."""
        write_json(self.path / STATUS_FILE, {**read_pretraining(self.path), "status": status, **more})

    def held(self) -> AbstractContextManager[None]:
        """Work in the folder; no other command does at the same time.

        Raises:
            BusyError: Another command works in it.
            KeyboardInterrupt: The user stopped the block; the message says how to go on.
        """
        doing, go_on = f"pretrains into {self.path}", f"sentinode pretrain --resume {self.path}"
        return held_run(self.path, doing, go_on, _WRITTEN, new=self.new)


def begin_pretraining(
    recipe: PretrainRecipe, minutes: float | None, folder: Path, settings: Settings, progress: Progress
) -> PretrainingFolder:
    """Check recipe and images, turn minutes into steps, and make the folder.

    Raises:
        RecipeError: Neither minutes nor steps are given, or both, or minutes are no number above 0.
        TrainingError: The folder holds something already.
        SentinodeError: The images or the recipe are not as they should be; no folder is made.
    """
    if (minutes is None) == (recipe.pretraining.steps is None):
        raise RecipeError("say how long: with --minutes, or with --set pretraining.steps=…; one of the two")
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise RecipeError(f"--minutes {minutes:g}; give a number of minutes above 0, such as 30")
    if not is_empty(folder):
        raise _taken(folder)
    try:
        with atomic_folder(folder, replace=False) as temporary:
            if recipe.slides:
                from sentinode.data.tiles.tissue_sampler import draw_tissue_tiles  # needs what reads slides

                drawn = draw_tissue_tiles(recipe.slides, temporary, settings.threads, progress)
                left_out = list(drawn.failures)
            else:
                left_out = []
            images = _images(recipe, temporary, left_out, settings, progress)
            status: dict[str, Any] = {"status": "started", "images_sha256": images.sha256, "left_out": left_out}
            steps = recipe.pretraining.steps
            if steps is None:
                assert minutes is not None
                budget = measure_budget(recipe, images, minutes, settings.threads)
                status["budget"], steps = asdict(budget), budget.steps
            resolved = recipe.with_steps(steps)
            write_text(temporary / _RECIPE_FILE, resolved.to_toml())
            write_json(temporary / STATUS_FILE, status)
            del images
    except StorageError as error:
        if error.errno == errno.EEXIST:
            raise _taken(folder) from error
        raise
    return PretrainingFolder(folder, resolved, _images(resolved, folder, left_out, settings, progress), new=True)


def reopen_pretraining(folder: Path, settings: Settings, progress: Progress) -> PretrainingFolder:
    """A run that was stopped, with its own recipe and images.

    Raises:
        TrainingError: The folder holds no run of pretraining, the run has collapsed, or its images have changed.
    """
    status = read_pretraining(folder)
    if status["status"] == "collapsed":
        raise TrainingError(f"{status['reason']}; a run that has collapsed does not go on: start another")
    recipe = load_pretrain_recipe(str(folder / _RECIPE_FILE))
    images = _images(recipe, folder, status["left_out"], settings, progress)
    if images.sha256 != status["images_sha256"]:
        raise TrainingError(
            f"{recipe.address} is not what it was when {folder} was started; bring the old images back or start a new "
            "run"
        )
    return PretrainingFolder(folder, recipe, images, new=False)


def read_pretraining(folder: Path) -> dict[str, Any]:
    """What `pretraining.json` says.

    Raises:
        TrainingError: The folder holds no run of pretraining.
    """
    path = folder / STATUS_FILE
    if not path.is_file():
        raise TrainingError(
            f"{folder} holds no run of pretraining ({STATUS_FILE} is missing); give the folder that pretrain made"
        )
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _images(
    recipe: PretrainRecipe, folder: Path, left_out: list[str], settings: Settings, progress: Progress
) -> PretrainingImages:
    if recipe.slides:
        return images_of_slides(recipe, read_tissue_tiles(folder, left_out))
    return images_of_source(recipe, settings, progress)


def _taken(folder: Path) -> TrainingError:
    return TrainingError(
        f"{folder} is not empty; go on with `sentinode pretrain --resume {folder}` or choose another --out"
    )
