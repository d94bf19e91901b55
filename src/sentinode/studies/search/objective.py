"""One trial: values in, a validation figure out."""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
import torch
from optuna.exceptions import UpdateFinishedTrialError

from sentinode.core.errors import RecipeError, SentinodeError, TrainingError, WeightsError
from sentinode.core.files import write_text
from sentinode.core.messages import one_line
from sentinode.core.progress import Progress
from sentinode.data.dataset import Dataset
from sentinode.studies.search.search_space import Space
from sentinode.studies.search.trials import ERROR, LET_GO, attempts, is_mine
from sentinode.training.callbacks import best_epoch
from sentinode.training.network_fit import fit
from sentinode.training.recipe import Recipe

Row = dict[str, float]


class TrialEndedError(Exception):
    """A trial without a figure: failed by its values, or let go because another process was first."""


def monitored(recipe: Recipe) -> str:
    """The column of the log by which a trial is judged."""
    return f"validation_{recipe.training.monitor}"


@dataclass(frozen=True)
class Objective:
    """What Optuna calls for each trial."""

    space: Space
    data: Dataset
    """Without its test split."""

    folder: Path
    """Gets one folder a combination, with its recipe and its log; the checkpoints of unfinished ones too."""

    budget: int
    threads: int
    progress: Progress

    def __call__(self, trial: optuna.Trial) -> float:
        """Train as the trial's values say; the figure is that of the epoch whose weights would be kept.

        Raises:
            TrialEndedError: The values contradict each other or the training failed by them: the message is kept with
                the trial. Or another process does this combination.
            TrialPruned: It was worse than the median after an epoch.
            SentinodeError, KeyboardInterrupt: The search can't go on.
        """
        mine = is_mine(trial, attempts(trial.study, self.budget))
        if mine is None:
            trial.set_user_attr(LET_GO, True)
            raise TrialEndedError
        folder = self.folder / f"{mine.number:04d}"
        try:
            figure = self._train(trial, folder, mine.number)
        except UpdateFinishedTrialError as error:  # a RuntimeError, but it says that another process took over
            raise TrialEndedError from error
        except (RecipeError, WeightsError, TrainingError, RuntimeError) as error:
            # RuntimeError is torch's for values that no model can check: no memory for the batch, an image too small.
            trial.set_user_attr(ERROR, _message(error))
            _tidy(folder)
            raise TrialEndedError from error
        except (KeyboardInterrupt, SentinodeError):
            trial.set_user_attr(LET_GO, True)  # the folder's checkpoints stay: whoever goes on begins at the last epoch
            raise
        except optuna.TrialPruned:
            _tidy(folder)
            raise
        _tidy(folder)
        return figure

    def _train(self, trial: optuna.Trial, folder: Path, number: int) -> float:
        recipe = self.space.recipe(self.space.suggest(trial), f"of trial {number}")
        write_text(folder / "recipe.toml", recipe.to_toml())
        watch = _Watch(trial, recipe)
        fitted = fit(recipe, self.data, folder, threads=self.threads, progress=self.progress, stop=watch)
        if fitted is None:
            raise TrainingError("a search trains on one device, and this process is one of several")
        watch.report(fitted.log)  # what a run had logged before it was interrupted, and the last epoch
        if watch.pruned:
            raise optuna.TrialPruned
        best = best_epoch(fitted.log, recipe.training) if recipe.training.keep == "best" else len(fitted.log)
        figure = fitted.log[best - 1][monitored(recipe)]
        if not math.isfinite(figure):
            raise TrainingError(f"{monitored(recipe)} is {figure}: it can't be compared")
        return figure


class _Watch:
    """Tells the study each epoch's figure, and ends a trial that is worse than the median."""

    def __init__(self, trial: optuna.Trial, recipe: Recipe) -> None:
        self._trial = trial
        self._column = monitored(recipe)
        self._told = 0
        self.pruned = False

    def __call__(self, rows: Sequence[Row]) -> bool:
        self.report(rows)
        self.pruned = self._trial.should_prune()
        return self.pruned

    def report(self, rows: Sequence[Row]) -> None:
        for row in rows[self._told :]:
            self._trial.report(row[self._column], step=int(row["epoch"]))
        self._told = len(rows)


def _tidy(folder: Path) -> None:
    """Remove the checkpoints of a combination that ended; its recipe and its log stay."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _message(error: Exception) -> str:
    text = one_line(error)
    return text if isinstance(error, RecipeError | WeightsError | TrainingError) else f"{type(error).__name__}: {text}"
