"""`sentinode search`: from a search file and data to a folder with the best recipe, going on with what is there."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import tomli_w
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage

from sentinode.core.errors import RecipeError, TrainingError
from sentinode.core.files import sha256_of_json, storage_errors, write_json, write_text
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.metrics.metric_table import metric_kind
from sentinode.studies.search.samplers import GridPoints, SeededTpe
from sentinode.studies.search.search_config import load_search
from sentinode.studies.search.search_data import without_test
from sentinode.studies.search.search_outcome import SearchOutcome, trial_words, write_results
from sentinode.studies.search.search_space import Space
from sentinode.studies.search.trial_storage import GRACE, fail_stale, open_storage, shown_url, sqlite_url
from sentinode.studies.search.trials import Attempts, attempts, requeue_interrupted
from sentinode.training.calibration_fit import check_evaluation
from sentinode.training.recipe import load_recipe

_STATUS = "search.json"
_DATABASE = "search.db"
_LAID_OUT = {_DATABASE, "search.toml", "recipe.toml", "split.parquet"}
_GLANCE = 1.0  # seconds between two looks at what other processes do


@dataclass(frozen=True)
class _Job:
    """Everything that a search goes by, checked."""

    space: Space
    data: Dataset
    out: Path
    url: str
    budget: int
    settings: Settings
    progress: Progress
    tell: Callable[[str], None]

    @property
    def fingerprint(self) -> dict[str, str]:
        """Hashes of what must be the same in every process and after every interruption.

        How many trials and where the data lies may differ: a search can be made longer, and machines have their paths.
        """
        search = self.space.search.model_dump(mode="json", exclude={"trials", "description", "recipe", "fixed"})
        base = self.space.base.model_dump(mode="json", exclude={"name": True, "description": True, "data": {"source"}})
        return {"search_sha256": sha256_of_json([search, base]), "data_sha256": self.data.manifest.split_hash}


def _ignore(_line: str) -> None:
    """Where nobody listens."""


def run_search(
    search: str | Path,
    out: str | Path,
    *,
    source: str | None = None,
    overrides: Sequence[str] = (),
    storage: str | None = None,
    trials: int | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
    tell: Callable[[str], None] | None = None,
) -> SearchOutcome:
    """Search, or go on with the search that `out` or the storage holds, until its trials are done.

    Several processes, on one machine or on many, may do this at once with one storage: each combination is trained
    once. A combination whose process was interrupted is taken up again, where its folder is at hand after its last
    epoch. The test split is out of reach: no trial's data set knows it.

    Args:
        search: A shipped name or the path of a search file.
        out: The folder to make or to go on in.
        source: The data's address; over the recipe's.
        overrides: `key=value` over the search's base recipe.
        storage: A SQLAlchemy URL; None: a SQLite file in `out`.
        trials: How many combinations to try, over the search file's number.
        settings: The machine's; None: by the environment.
        progress: Where to show how far a trial is.
        tell: Called with a line for each trial that ended; None: nobody listens.

    Raises:
        RecipeError: The search file or the recipe is not as it should be.
        DataError: The data is not.
        TrainingError: The folder holds something else, or the search there was begun with other values or data; or no
            trial came to its end.
        StorageError: The database is locked or can't be used.
        KeyboardInterrupt: The user stopped it; what was finished is kept, and the report is of that.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    config = load_search(str(search))
    space = Space.of(config, load_recipe(config.recipe, source=source, overrides=[*config.overrides, *overrides]))
    if space.base.stain.normalise != "none":
        raise RecipeError(
            f"stain.normalise = {space.base.stain.normalise!r}: a search trains on images as they are; set it to "
            '"none" here, and normalise when you train what it found'
        )
    url = storage or sqlite_url(out / _DATABASE)
    _check_folder(out, shown_url(url))
    context = space.base.model.context
    data = without_test(load_dataset(space.base.data, cache=settings.cache, progress=progress, context=context))
    check_evaluation(space.base.evaluation, data.manifest)
    # torch and Lightning take seconds to import: not before all else was found to be good.
    from sentinode.training.network_fit import trainer_options

    trainer_options(space.base.training, out)  # hardware that is not there is refused now, not in every trial
    job = _Job(space, data, out, url, space.budget(trials), settings, progress, tell or _ignore)
    with storage_errors(out):
        new = not out.exists()
        out.mkdir(parents=True, exist_ok=True)
        try:
            with open_storage(url) as opened:
                return _search(job, opened)
        finally:
            if new and not (out / _STATUS).exists():
                _remove_empty(out)


def _search(job: _Job, storage: BaseStorage) -> SearchOutcome:
    study = _study(job, storage)
    ended = [one.number for one in attempts(study, sys.maxsize) if one.ended]
    job = replace(job, budget=max([job.budget, *ended]))  # a smaller --trials takes nothing away
    _lay_out(job)
    try:
        _work(job, study)
    except KeyboardInterrupt as error:
        requeue_interrupted(study, attempts(study, job.budget))
        _write(job, study)
        raise KeyboardInterrupt("the same command goes on after the last full epoch") from error
    return _finish(job, study)


def _study(job: _Job, storage: BaseStorage) -> optuna.Study:
    """The study of the search's name, made or found; with the same values and data it must have been begun."""
    search = job.space.search
    pruner = optuna.pruners.MedianPruner(
        n_startup_trials=search.pruning_after_trials, n_warmup_steps=search.pruning_after_epochs + 1
    )
    seeded = SeededTpe(search.seed, startup_trials=search.startup_trials)
    study = optuna.create_study(
        storage=storage,
        study_name=search.name,
        sampler=GridPoints(job.space) if search.method == "grid" else seeded,
        pruner=pruner if search.prunes else optuna.pruners.NopPruner(),
        direction="maximize" if metric_kind(job.space.base.training.monitor).larger_is_better else "minimize",
        load_if_exists=True,
    )
    for key, value in job.fingerprint.items():
        if study.user_attrs.get(key, value) != value:
            what = "other data" if key == "data_sha256" else "another search file, recipe or --set"
            raise TrainingError(
                f"the search {search.name} in {shown_url(job.url)} was begun with {what} ({key}"
                f" {str(study.user_attrs[key])[:12]}, now {value[:12]}); bring that back, or choose another --out"
            )
        if key not in study.user_attrs:
            study.set_user_attr(key, value)
    return study


def _work(job: _Job, study: optuna.Study) -> None:
    """Trial after trial, until none is left, not even with another process."""
    from sentinode.studies.search.objective import Objective, TrialEndedError

    objective = Objective(job.space, job.data, job.out / "trials", job.budget, job.settings.threads, job.progress)
    told = {one.number for one in attempts(study, job.budget) if one.ended}
    waiting = False
    while True:
        fail_stale(study)
        found = attempts(study, job.budget)
        told |= _tell_ended(job, found, told)
        requeue_interrupted(study, found)
        if len(found) < job.budget or any(trial.state == optuna.trial.TrialState.WAITING for trial in _all(found)):
            try:
                study.optimize(objective, n_trials=1, catch=(TrialEndedError,))
            except UpdateFinishedTrialError:
                job.tell(f"a trial was without a sign for {GRACE} s, and another process has taken it over")
        elif all(one.ended for one in found):
            return
        else:
            if not waiting:
                job.tell(
                    f"waiting for {plural(sum(1 for one in found if one.open), 'trial')} of other "
                    "processes; Ctrl-C ends that"
                )
            waiting = True
            time.sleep(_GLANCE)


def _all(found: Sequence[Attempts]) -> list[optuna.trial.FrozenTrial]:
    return [trial for one in found for trial in one.trials]


def _tell_ended(job: _Job, found: Sequence[Attempts], told: set[int]) -> set[int]:
    new = [one for one in found if one.ended and one.number not in told]
    for one in new:
        job.tell(trial_words(one, job.space, job.budget))
    return {one.number for one in new}


def _finish(job: _Job, study: optuna.Study) -> SearchOutcome:
    outcome = _write(job, study)
    if outcome.best is None:
        first = next((trial.error for trial in outcome.trials if trial.error), "all were pruned")
        raise TrainingError(f"none of {plural(len(outcome.trials), 'trial')} came to its end; the first: {first}")
    write_json(job.out / _STATUS, {**_status(job), **outcome.to_json(), "status": "finished"})
    return outcome


def _write(job: _Job, study: optuna.Study) -> SearchOutcome:
    return write_results(study, job.space, job.data.manifest, job.out, budget=job.budget)


def _check_folder(out: Path, database: str) -> None:
    """A folder of something else is left alone, and a search goes on in the database that it was begun in."""
    if not out.exists() or not (entries := list(out.iterdir())):
        return
    if not (out / _STATUS).is_file():
        # Another process may have made the folder a moment ago and be about to write the rest.
        if any(entry.name not in _LAID_OUT and not entry.name.endswith((".partial", "-journal")) for entry in entries):
            raise TrainingError(f"{out} is not empty and holds no search; choose another --out")
        return
    before = json.loads((out / _STATUS).read_text(encoding="utf-8"))["storage"]
    if before != database:
        raise RecipeError(f"{out} is of a search that is kept in {before}, not in {database}; give that as --storage")


def _status(job: _Job) -> dict[str, Any]:
    return {"name": job.space.search.name, "storage": shown_url(job.url), **job.fingerprint}


def _lay_out(job: _Job) -> None:
    if (job.out / _STATUS).exists():
        return
    search = job.space.search.model_dump(mode="json", by_alias=True, exclude_none=True)
    # The recipe beside it has the fixed values in it already.
    write_text(job.out / "search.toml", tomli_w.dumps({**search, "recipe": "recipe.toml", "fixed": {}}))
    write_text(job.out / "recipe.toml", job.space.base.to_toml())
    job.data.manifest.save(job.out / "split.parquet")
    write_json(job.out / _STATUS, {**_status(job), "status": "started"})


def _remove_empty(out: Path) -> None:
    """Leave nothing of a search that was refused before it began."""
    for path in out.glob(f"{_DATABASE}*"):
        path.unlink()
    out.rmdir()
