"""A run: one folder from the resolved recipe to the report, which can be resumed after any interruption."""

import datetime
import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import RecipeError, SentinodeError, StorageError, TrainingError
from sentinode.core.files import atomic_folder, sha256_of_json, storage_errors, write_json, write_text
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.data.manifest import Manifest
from sentinode.training.evaluation_check import check_evaluation
from sentinode.training.locking import alone
from sentinode.training.recipe import Recipe, load_recipe

_STATUS = "run.json"


@dataclass(frozen=True)
class RunResult:
    """Where a finished run's files are, and its headline."""

    folder: Path
    headline: dict[str, Any]
    """`metrics` of `metrics.json`, by name, with the number of images and the split that they are of."""

    excluded: dict[str, int]
    """Images of the data set that were left out, by kind."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "run": str(self.folder),
            "bundle": str(self.folder / "bundle"),
            "excluded": self.excluded,
            **self.headline,
        }

    def summary(self) -> str:
        """A few lines for a person: the figures, and the paths of what to look at."""
        figures = self.headline["metrics"]
        shown = [name for name in ("auc", "sensitivity", "specificity", "accuracy") if name in figures]
        lines = [f"{self.headline['split']} ({self.headline['n']:,} images)"]
        lines += [f"  {name:<12} {_interval(figures[name])}" for name in shown]
        if self.excluded:
            counts = ", ".join(f"{kind}: {count:,}" for kind, count in self.excluded.items())
            lines.append(f"left out  {counts}")
        lines += [f"report    {self.folder / 'report' / 'report.html'}", f"bundle    {self.folder / 'bundle'}"]
        return "\n".join(lines)


def start_run(recipe: Recipe, out: Path | None, settings: Settings, progress: Progress) -> RunResult:
    """Train as `recipe` says, into a new folder.

    Args:
        recipe: The resolved recipe.
        out: The run folder to make; None: `runs/RECIPE-DATE-TIME`.
        settings: The machine's.
        progress: Where to show how far it is.

    Raises:
        TrainingError: The folder holds something already.
        SentinodeError: The data, the model or the training is not as it should be. Nothing is left of a run whose
            data or recipe was refused.
        KeyboardInterrupt: The user stopped it; the message says how to go on.
    """
    if out is None:
        if recipe.training.devices > 1:
            raise RecipeError("training.devices > 1 starts several processes, which must agree on a folder: give --out")
        out = Path("runs") / f"{recipe.name or 'run'}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    if settings.local_rank == 0 and out.exists() and any(out.iterdir()):
        raise _taken(out)
    data = load_dataset(recipe.data, cache=settings.cache, progress=progress)
    data.manifest.require("train", "validation")
    check_evaluation(recipe.evaluation, data.manifest)
    if settings.local_rank == 0:
        _lay_out(out, recipe, data)
    return _go(out, recipe, data, settings, progress, new=settings.local_rank == 0)


def resume_run(folder: Path, settings: Settings, progress: Progress) -> RunResult:
    """Go on with a run that was stopped, and end with the same log, weights and report as if it had not been.

    Raises:
        TrainingError: The folder holds no run, or its data is no longer what it was.
    """
    if not (folder / _STATUS).is_file():
        raise TrainingError(f"{folder} holds no run ({_STATUS} is missing); give the folder that train made")
    recipe = load_recipe(str(folder / "recipe.toml"))
    status = _status(folder)
    if status["status"] == "finished":
        return _result(folder)
    data = load_dataset(recipe.data, cache=settings.cache, progress=progress)
    if data.manifest.split_hash != status["split_sha256"]:
        message = (
            f"{recipe.data.source} is not what it was when {folder} was started (split {data.manifest.split_hash[:12]},"
            f" then {status['split_sha256'][:12]}); bring the old data back or start a new run"
        )
        raise TrainingError(message)
    return _go(folder, recipe, data, settings, progress)


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
            write_text(temporary / "recipe.toml", recipe.to_toml())
            data.manifest.save(temporary / "split.parquet")
            write_json(temporary / _STATUS, status)
    except StorageError as error:
        if error.errno == errno.EEXIST:
            raise _taken(folder) from error
        raise


def _taken(folder: Path) -> TrainingError:
    return TrainingError(
        f"{folder} is not empty; go on with `sentinode train --resume {folder}` or choose another --out"
    )


def _go(
    folder: Path, recipe: Recipe, data: Dataset, settings: Settings, progress: Progress, *, new: bool = False
) -> RunResult:
    with _alone(folder, settings.local_rank), storage_errors(folder):
        try:
            _fit_and_finish(folder, recipe, data, settings, progress)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(f"go on with `sentinode train --resume {folder}`") from error
        except SentinodeError:
            if new and not (folder / "log.csv").exists():
                # Refused before an epoch was done: there is nothing to go on with. Under the lock, so that it is ours.
                shutil.rmtree(folder, ignore_errors=True)
            raise
    return _result(folder)


def _fit_and_finish(folder: Path, recipe: Recipe, data: Dataset, settings: Settings, progress: Progress) -> None:
    # torch, Lightning and matplotlib take seconds to import: not before the data was found to be good.
    from sentinode.training.fitting import fit

    fitted = fit(recipe, data, folder, threads=settings.threads, progress=progress)
    if fitted is None:
        raise SystemExit(0)  # one of several processes that trained together: the first one finishes alone
    from sentinode.training.network_bundle import finish

    finish(recipe, data, fitted, folder, settings=settings, progress=progress)
    write_json(folder / _STATUS, {**_status(folder), "status": "finished"})


@contextmanager
def _alone(folder: Path, local_rank: int) -> Iterator[None]:
    """Two commands must not train into one folder; the processes of one command's several devices may."""
    busy = TrainingError(f"another process is training into {folder}; wait for it or stop it first")
    with nullcontext() if local_rank else alone(folder / ".lock", busy):
        yield


def _status(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / _STATUS).read_text(encoding="utf-8"))
    return loaded


def _result(folder: Path) -> RunResult:
    metrics = json.loads((folder / "report" / "metrics.json").read_text(encoding="utf-8"))
    headline = {key: metrics[key] for key in ("split", "n", "metrics")}
    return RunResult(folder, headline, Manifest.load(folder / "split.parquet").excluded())


def _interval(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "undefined"
    if metric["low"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f}  (95 % interval {metric['low']:.3f} to {metric['high']:.3f})"
