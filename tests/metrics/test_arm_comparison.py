"""Arms of a study against the first: figures by hand, and intervals that tell what is there from what is not."""

import numpy as np
import pytest

from sentinode.metrics.arm_comparison import HeldOut, compare_arms, verdict
from sentinode.metrics.measures.ranking import Ranking

_SEEDS, _FOLDS, _GROUPS = 3, 2, 12


def _held_out(n: int = 600) -> HeldOut:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, _GROUPS, n)
    return HeldOut(rng.integers(0, 2, n), groups % _FOLDS, groups)


def _scores(held_out: HeldOut, sharpness: float, seed: int) -> np.ndarray:
    """Calibrated answers (S, N): log-odds with a signal of this strength."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (_SEEDS, len(held_out.truths)))
    seen = sharpness * (held_out.truths - 0.5) + noise
    return np.asarray(1 / (1 + np.exp(-sharpness * seen)))


def test_figures_are_means_over_folds_and_seeds() -> None:
    held_out = _held_out()
    answers = {"none": _scores(held_out, 1.0, 1), "other": _scores(held_out, 2.0, 2)}
    first, other = compare_arms(held_out, answers)
    areas = {
        name: np.mean(
            [
                Ranking(held_out.truths[held_out.folds == f], row[held_out.folds == f]).auc()
                for row in rows
                for f in (0, 1)
            ]
        )
        for name, rows in answers.items()
    }
    assert first.auc.value == pytest.approx(areas["none"])
    assert other.auc_difference is not None
    assert other.auc_difference.value == pytest.approx(areas["other"] - areas["none"])
    own = np.where(held_out.truths == 1, answers["other"], 1 - answers["other"])
    assert other.log_loss.value == pytest.approx(-np.log(own).mean())
    assert first.auc_difference is None
    assert (other.better, other.pairs) == (6, 6)
    assert "12 groups within folds and 3 seeds" in other.auc.method


def test_what_is_better_is_said_and_what_is_the_same_is_not() -> None:
    held_out = _held_out()
    answers = {
        "none": _scores(held_out, 1.0, 1), "same": _scores(held_out, 1.0, 2), "better": _scores(held_out, 2.0, 3),
        "worse": _scores(held_out, 0.3, 4),
    }  # fmt: skip
    _, same, better, worse = compare_arms(held_out, answers)
    assert verdict(same) == "adds nothing that could be told"
    assert verdict(better) == "raises AUC; lowers the log loss"
    assert verdict(worse) == "lowers AUC; raises the log loss"


def test_an_arm_that_answers_alike_differs_by_nothing() -> None:
    held_out = _held_out()
    answers = _scores(held_out, 1.0, 1)
    _, same = compare_arms(held_out, {"none": answers, "alike": answers.copy()})
    assert same.auc_difference is not None
    assert (same.auc_difference.low, same.auc_difference.value, same.auc_difference.high) == (0, 0, 0)
    assert same.to_json()["better"] == 0


def test_intervals_are_wider_where_groups_differ() -> None:
    held_out = _held_out()
    shift = np.random.default_rng(5).normal(0, 2.5, _GROUPS)[held_out.groups]
    plain = _scores(held_out, 1.5, 1)
    shifted = 1 / (1 + np.exp(-(np.log(plain / (1 - plain)) + shift)))
    even, uneven = compare_arms(held_out, {"even": plain, "uneven": shifted})
    assert even.log_loss.low is not None
    assert uneven.log_loss.low is not None
    assert (uneven.log_loss.high or 0) - uneven.log_loss.low > 2 * ((even.log_loss.high or 0) - even.log_loss.low)


def test_more_draws_of_the_same_seed_are_the_same() -> None:
    held_out = _held_out(200)
    answers = {"none": _scores(held_out, 1.0, 1), "other": _scores(held_out, 2.0, 2)}
    assert compare_arms(held_out, answers) == compare_arms(held_out, answers)
