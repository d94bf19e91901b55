"""Which values the next trial gets: a function of the search's seed, the trial's number and the trials that ended."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from sentinode.studies.search.search_space import Space

ORIGIN = "origin"
"""User attribute of a trial that does again what was interrupted: the number of the first trial of that kind."""


def rank(study: optuna.Study, number: int) -> int:
    """How many trials before `number` are not repetitions of another.

    Trials get their numbers one after the other from the database, so no two of several processes have one rank.
    """
    trials = study.get_trials(deepcopy=False)
    return sum(1 for trial in trials if trial.number < number and ORIGIN not in trial.user_attrs)


class GridPoints(BaseSampler):
    """The points of a grid in their order, each exactly once, whichever process asks."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._points = space.points()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing: a point gives every value by itself."""
        del study, trial
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing."""
        del study, trial, search_space
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of `param_name` at the trial's point."""
        del param_distribution
        first = trial.user_attrs.get(ORIGIN, trial.number)
        return self._space.stored(param_name, self._points[rank(study, first)][param_name])


class SeededTpe(BaseSampler):
    """Optuna's TPE, seeded anew for each trial from (seed, number of the trial).

    One seed for all would let two processes, or a search and its continuation, propose the same random values.
    """

    def __init__(self, seed: int, *, startup_trials: int) -> None:
        self._seed = seed
        self._startup_trials = startup_trials
        self._inner: dict[int, TPESampler] = {}

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As TPE."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As TPE."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As TPE."""
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """As TPE; its sampler is done with."""
        self._of(trial).after_trial(study, trial, state, values)
        del self._inner[trial.number]

    def _of(self, trial: FrozenTrial) -> TPESampler:
        if trial.number not in self._inner:
            seed = int(np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0])
            self._inner[trial.number] = TPESampler(seed=seed, n_startup_trials=self._startup_trials)
        return self._inner[trial.number]
