"""The folder of a run: laid out at once, worked in by one command at a time, and taken up again when it was stopped."""

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import SentinodeError, StorageError, TrainingError
from sentinode.core.files import atomic_folder, sha256_of_json, storage_errors, write_json, write_text
from sentinode.core.progress import Progress
from sentinode.core.result_folder import is_empty, locked, remove_partial
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.training.calibration_fit import check_evaluation
from sentinode.training.recipe import Recipe, load_recipe

RUN_FILE = "run.json"
RECIPE_FILE = "recipe.toml"
SPLIT_FILE = "split.parquet"
_WRITTEN = (RUN_FILE, "log.csv", "checkpoints/last.ckpt", "checkpoints/best.safetensors", "bundle", "report")


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

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work in the folder; no other command does at the same time, the processes of several devices may.

        Raises:
            BusyError: Another command works in it.
            KeyboardInterrupt: The user stopped the block; the message says how to go on.
        """
        lock = nullcontext() if self.local_rank else locked(self.path / ".lock", f"is training into {self.path}")
        with lock, storage_errors(self.path):
            try:
                if not self.new and not self.local_rank:
                    self._sweep()
                yield
            except KeyboardInterrupt as error:
                raise KeyboardInterrupt(f"go on with `sentinode train --resume {self.path}`") from error
            except SentinodeError:
                if self.new and not (self.path / "log.csv").exists():
                    # Refused before an epoch was done: nothing to go on with. Under the lock, so that it is ours.
                    shutil.rmtree(self.path, ignore_errors=True)
                raise

    def _sweep(self) -> None:
        """Remove what a command that was killed was just writing."""
        for name in _WRITTEN:
            remove_partial(self.path / name)


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
