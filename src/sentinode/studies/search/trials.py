"""The trials of a study: which are whose, which were interrupted, and what became of each combination."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from sentinode.studies.search.samplers import ORIGIN

ERROR = "error"
"""User attribute of a trial that failed by its own values: the message. A failed trial without one was interrupted."""

LET_GO = "let go"
"""User attribute of a trial that its process gave up by itself: Ctrl-C, or another process was first."""

_MOST_KILLS = 3  # a combination that ends its process each time, by using up the memory, would never let a search end


@dataclass(frozen=True)
class Attempts:
    """A combination, and the trials in which it was tried: one, unless a process was interrupted."""

    number: int
    """Place among the combinations of the search, from 1."""

    trials: tuple[FrozenTrial, ...]
    """Trials in the order in which they were begun."""

    @property
    def last(self) -> FrozenTrial:
        """The trial that says what became of the combination: the one that ended, else the last."""
        return next((trial for trial in self.trials if _ended(trial)), self.trials[-1])

    @property
    def error(self) -> str:
        """Why it failed; empty when it did not."""
        if self.last.state in (TrialState.COMPLETE, TrialState.PRUNED):
            return ""
        return str(self.last.user_attrs.get(ERROR, "")) or (_killed_words() if self._killed else "")

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return any(_ended(trial) for trial in self.trials) or self._killed

    @property
    def open(self) -> bool:
        """Whether a process works on it, or it waits for one."""
        states = {trial.state for trial in self.trials}
        return not self.ended and bool(states & {TrialState.RUNNING, TrialState.WAITING})

    @property
    def _killed(self) -> bool:
        kills = [trial for trial in self.trials if trial.state == TrialState.FAIL and not _explained(trial)]
        return len(kills) >= _MOST_KILLS


def attempts(study: optuna.Study, budget: int) -> list[Attempts]:
    """The combinations that were begun, by number.

    Args:
        study: The study.
        budget: How many combinations there are. A trial beyond them is none: its process did not know yet that another
            one had begun the last of them.
    """
    by_origin: dict[int, list[FrozenTrial]] = defaultdict(list)
    for trial in study.get_trials(deepcopy=False):
        by_origin[trial.user_attrs.get(ORIGIN, trial.number)].append(trial)
    groups = [by_origin[origin] for origin in sorted(by_origin)]
    return [Attempts(place, tuple(group)) for place, group in enumerate(groups, start=1)][:budget]


def requeue_interrupted(study: optuna.Study, found: Sequence[Attempts]) -> None:
    """Put every combination whose process was interrupted back into the queue, with the values that it had."""
    for one in found:
        if one.ended or one.open:
            continue
        values = max((trial.params for trial in one.trials), key=len)
        study.enqueue_trial(values, user_attrs={ORIGIN: one.trials[0].number})


def is_mine(trial: optuna.Trial, found: Sequence[Attempts]) -> Attempts | None:
    """The combination of a trial that has just begun; None where it is beyond the search, or another does it already.

    Two processes may both have queued what they found interrupted. Of several such trials the first one counts.
    """
    for one in found:
        for other in one.trials:
            if other.number == trial.number:
                return one
            if other.state != TrialState.FAIL or _ended(other):
                break  # an earlier trial of the same combination: it is done, or being done, or will be
    return None


def _ended(trial: FrozenTrial) -> bool:
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or ERROR in trial.user_attrs


def _explained(trial: FrozenTrial) -> bool:
    return ERROR in trial.user_attrs or LET_GO in trial.user_attrs


def _killed_words() -> str:
    return f"its process was killed {_MOST_KILLS} times, as by using up the memory"
