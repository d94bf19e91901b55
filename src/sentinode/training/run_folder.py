"""The folder of a run: laid out at once, worked in by one command at a time, and taken up again when it was stopped."""

import errno
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import StorageError, TrainingError
from sentinode.core.files import atomic_folder, sha256_of_json, write_json, write_text
from sentinode.core.progress import Progress
from sentinode.core.result_folder import RUN_LOG, held_run, is_empty
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.training.calibration_fit import check_evaluation
from sentinode.training.recipe import Recipe, load_recipe

RUN_FILE = "run.json"
RECIPE_FILE = "recipe.toml"
SPLIT_FILE = "split.parquet"
_WRITTEN = (RUN_FILE, RUN_LOG, "checkpoints/last.ckpt", "checkpoints/best.safetensors", "bundle", "report")


@dataclass(frozen=True)
class RunFolder:
    """A run that has begun: its recipe and data are good, and lie in the folder."""

    path: Path
    recipe: Recipe
    data: Dataset

    local_rank: int = 0
    """Which of the processes that train together this is; the first alone writes what all share."""

    new: bool = False
    """Whether this command made the folder: a run that is refused before its first epoch leaves none behind."""

    @property
    def trained(self) -> bool:
        """Whether an earlier command got as far as the bundle. The processes of several devices train together."""
        return self.local_rank == 0 and read_status(self.path)["status"] == "trained"

    def mark(self, status: str) -> None:
        """Write how far the run is: `trained` with its bundle, `finished` with its report."""
        write_json(self.path / RUN_FILE, {**read_status(self.path), "status": status})

    def held(self) -> AbstractContextManager[None]:
        """Work in the folder; no other command does at the same time, the processes of several devices may.

        Raises:
            BusyError: Another command works in it.
            KeyboardInterrupt: The user stopped the block; the message says how to go on.
        """
        doing, go_on = f"is training into {self.path}", f"sentinode train --resume {self.path}"
        return held_run(self.path, doing, go_on, _WRITTEN, new=self.new, helps=bool(self.local_rank))


def begin_run(recipe: Recipe, folder: Path, settings: Settings, progress: Progress) -> RunFolder:
    """Check recipe and data, and make the folder with both.

    Raises:
        TrainingError: The folder holds something already.
        SentinodeError: The data or the recipe is not as it should be; no folder is made.
    """
    first = settings.local_rank == 0
    if first and not is_empty(folder):
        raise _taken(folder)
    data = load_dataset(recipe.data, cache=settings.cache, progress=progress, context=recipe.model.context)
    data.manifest.require("train", "validation")
    check_evaluation(recipe.evaluation, data.manifest)
    if first:
        _lay_out(folder, recipe, data)
    return RunFolder(folder, recipe, data, settings.local_rank, new=first)


def reopen_run(folder: Path, settings: Settings, progress: Progress) -> RunFolder:
    """A run that was stopped, with its own recipe and data.

    Raises:
        TrainingError: The folder holds no run, or its data is no longer what it was.
    """
    status = read_status(folder)
    recipe = load_recipe(str(folder / RECIPE_FILE))
    data = load_dataset(recipe.data, cache=settings.cache, progress=progress, context=recipe.model.context)
    if data.manifest.split_hash != status["split_sha256"]:
        message = (
            f"{recipe.data.source} is not what it was when {folder} was started (split {data.manifest.split_hash[:12]},"
            f" then {status['split_sha256'][:12]}); bring the old data back or start a new run"
        )
        raise TrainingError(message)
    return RunFolder(folder, recipe, data, settings.local_rank)


def read_status(folder: Path) -> dict[str, Any]:
    """What `run.json` says: `status`, and the hashes of recipe, data and split.

    Raises:
        TrainingError: The folder holds no run.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        raise TrainingError(f"{folder} holds no run ({RUN_FILE} is missing); give the folder that train made")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _lay_out(folder: Path, recipe: Recipe, data: Dataset) -> None:
    status = {
        "status": "started",
        "recipe_sha256": sha256_of_json(recipe.model_dump(mode="json")),
        "data_sha256": data.manifest.hash,
        "split_sha256": data.manifest.split_hash,
    }
    try:
        # One rename makes the folder with everything that a resumed run needs, or nothing. It replaces none: the same
        # command may have been started twice, and the other one was quicker.
        with atomic_folder(folder, replace=False) as temporary:
            write_text(temporary / RECIPE_FILE, recipe.to_toml())
            data.manifest.save(temporary / SPLIT_FILE)
            write_json(temporary / RUN_FILE, status)
    except StorageError as error:
        if error.errno == errno.EEXIST:
            raise _taken(folder) from error
        raise


def _taken(folder: Path) -> TrainingError:
    return TrainingError(
        f"{folder} is not empty; go on with `sentinode train --resume {folder}` or choose another --out"
    )
