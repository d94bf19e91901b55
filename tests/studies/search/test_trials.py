"""Which trial does which combination, told from what a study holds, whoever wrote it."""

import optuna
import pytest
from optuna.trial import TrialState

from sentinode.studies.search.samplers import ORIGIN
from sentinode.studies.search.trials import ERROR, LET_GO, attempts, is_mine, requeue_interrupted

STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(direction="maximize")


def begin(study: optuna.Study, rate: float = 0.1) -> optuna.Trial:
    trial = study.ask()
    trial.suggest_float("rate", rate, rate)
    return trial


def kill(study: optuna.Study, trial: optuna.Trial) -> None:
    """What another process makes of a trial whose process gives no sign any more."""
    study.tell(trial, state=TrialState.FAIL)


def test_each_combination_is_numbered_in_the_order_of_its_first_trial(study: optuna.Study) -> None:
    for state in ("complete", "pruned", "failed"):
        trial = begin(study)
        if state == "failed":
            trial.set_user_attr(ERROR, "contradiction")
        study.tell(trial, 0.5 if state == "complete" else None, state=STATES[state])
    found = attempts(study, 5)
    assert [one.number for one in found] == [1, 2, 3]
    assert all(one.ended and not one.open for one in found)
    assert [one.error for one in found] == ["", "", "contradiction"]
    assert len(attempts(study, 2)) == 2


def test_an_interrupted_combination_is_queued_once_with_its_values(study: optuna.Study) -> None:
    study.tell(begin(study), 0.1)
    kill(study, begin(study, 0.7))
    running = begin(study)
    requeue_interrupted(study, attempts(study, 5))
    requeue_interrupted(study, attempts(study, 5))
    waiting = [trial for trial in study.trials if trial.state == TrialState.WAITING]
    assert [trial.user_attrs for trial in waiting] == [{ORIGIN: 1}]
    again = begin(study, 0.7)
    assert again.params == {"rate": 0.7}
    assert is_mine(again, found := attempts(study, 5)) == found[1]
    study.tell(again, 0.9)
    found = attempts(study, 5)
    assert [(one.number, one.ended, one.open) for one in found] == [
        (1, True, False),
        (2, True, False),
        (3, False, True),
    ]
    assert found[1].last.number == again.number
    assert running.number == found[2].last.number


def test_of_two_that_queued_the_same_the_first_one_counts(study: optuna.Study) -> None:
    kill(study, begin(study))
    both = attempts(study, 5)
    requeue_interrupted(study, both)
    requeue_interrupted(study, both)  # another process, that had looked before the first one wrote
    one, two = begin(study), begin(study)
    assert is_mine(two, attempts(study, 5)) is None
    assert is_mine(one, attempts(study, 5)) is not None
    study.tell(one, 0.5)
    assert is_mine(two, attempts(study, 5)) is None


def test_a_trial_beyond_the_search_is_none_until_the_search_is_made_longer(study: optuna.Study) -> None:
    study.tell(begin(study), 0.5)
    beyond = begin(study)
    assert is_mine(beyond, attempts(study, 1)) is None
    beyond.set_user_attr(LET_GO, True)
    study.tell(beyond, state=TrialState.FAIL)
    assert [one.ended for one in attempts(study, 1)] == [True]
    requeue_interrupted(study, attempts(study, 2))
    assert is_mine(begin(study), attempts(study, 2)) == attempts(study, 2)[1]


def test_what_kills_its_process_every_time_is_given_up(study: optuna.Study) -> None:
    kill(study, begin(study))
    for _ in range(2):
        assert not attempts(study, 1)[0].ended
        requeue_interrupted(study, attempts(study, 1))
        kill(study, begin(study))
    assert attempts(study, 1)[0].ended
    assert "killed 3 times" in attempts(study, 1)[0].error
    requeue_interrupted(study, attempts(study, 1))
    assert all(trial.state == TrialState.FAIL for trial in study.trials)


def test_stopping_by_hand_is_no_reason_to_give_up(study: optuna.Study) -> None:
    for _ in range(5):
        trial = begin(study)
        trial.set_user_attr(LET_GO, True)
        kill(study, trial)
        requeue_interrupted(study, attempts(study, 1))
    assert not attempts(study, 1)[0].ended
    study.tell(begin(study), 0.3)
    assert attempts(study, 1)[0].error == ""
    assert attempts(study, 1)[0].ended
