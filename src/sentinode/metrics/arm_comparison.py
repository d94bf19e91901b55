"""Arms of a study against its first one: figures on held-out folds, and paired differences with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.measures.calibration import log_losses
from sentinode.metrics.measures.calibration_error import calibration_error
from sentinode.metrics.measures.intervals import Resampling
from sentinode.metrics.measures.ranking import Ranking

_DRAWS = 1000
_FEW = 30
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """N images, each in the test part of one fold."""

    truths: NDArray[np.int64]
    """(N,) 1 for positive, else 0."""
    folds: NDArray[np.int64]
    """(N,) number of the fold that each is tested in."""
    groups: NDArray[np.int64]
    """(N,) what is resampled: images of one group are alike. None lies in two folds."""


@dataclass(frozen=True)
class ArmFigures:
    """One arm."""

    name: str
    auc: Metric
    """Mean over folds and seeds."""
    log_loss: Metric
    calibration: Metric
    """Debiased root-mean-square calibration error, of the mean probability over seeds."""
    auc_difference: Metric | None
    """This arm less the first one; None for that one."""
    log_loss_difference: Metric | None
    better: int
    """In how many of the folds and seeds the AUC is higher than the first arm's."""
    pairs: int
    """Folds times seeds."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        figures = ("auc", "log_loss", "calibration", "auc_difference", "log_loss_difference")
        found = {name: getattr(self, name) for name in figures}
        shown = {name: metric.to_json() if metric else None for name, metric in found.items()}
        return {"name": self.name, **shown, "better": self.better, "pairs": self.pairs}


@dataclass(frozen=True)
class ArmTable:
    """The arms of a study on one model."""

    name: str
    """Of the model, in words."""
    arms: tuple[ArmFigures, ...]


def compare_arms(held_out: HeldOut, answers: Mapping[str, Floats], seed: int = 0) -> tuple[ArmFigures, ...]:
    """Measure every arm, and each against the first.

    A draw takes groups with replacement within each fold, and seeds with replacement, the same for every arm: that
    pairs the differences. An AUC is of one fold and one seed, and the mean of them is taken: scores of two models are
    no one ranking.

    Args:
        held_out: What was asked.
        answers: Of each arm, the probability of the positive class: (S, N), a row a seed.
        seed: Of the draws.
    """
    arms = list(answers)
    aucs = {name: _cells(held_out, answers[name]) for name in arms}
    losses = {name: _losses(held_out, answers[name]) for name in arms}
    drawn = _drawn(held_out, answers, losses, seed)
    words = _words(held_out, len(answers[arms[0]]))
    resampling = Resampling(held_out.truths, held_out.groups, _DRAWS, seed)
    found = []
    for place, name in enumerate(arms):
        auc, loss = float(np.nanmean(aucs[name])), float(losses[name].mean())
        first_auc, first_loss = float(np.nanmean(aucs[arms[0]])), float(losses[arms[0]].mean())
        n = len(held_out.truths)
        found.append(
            ArmFigures(
                name,
                _metric(auc, drawn[:, place, 0], words, n),
                _metric(loss, drawn[:, place, 1], words, n),
                calibration_error(answers[name].mean(axis=0), held_out.truths, resampling),
                _metric(auc - first_auc, drawn[:, place, 0] - drawn[:, 0, 0], words, n) if place else None,
                _metric(loss - first_loss, drawn[:, place, 1] - drawn[:, 0, 1], words, n) if place else None,
                int((aucs[name] > aucs[arms[0]]).sum()),
                aucs[name].size,
            )
        )
    return tuple(found)


def verdict(figures: ArmFigures) -> str:
    """What an arm brings, in words: only an interval that leaves out zero says that it does."""
    parts = [
        _said(figures.auc_difference, "raises AUC", "lowers AUC", "AUC"),
        _said(figures.log_loss_difference, "raises the log loss", "lowers the log loss", "log loss"),
    ]
    if all(part.startswith("nothing") for part in parts):
        return "adds nothing that could be told"
    return "; ".join(part for part in parts if not part.startswith("nothing"))


def _said(metric: Metric | None, up: str, down: str, name: str) -> str:
    if metric is None or metric.low is None or metric.high is None or metric.low <= 0 <= metric.high:
        return f"nothing in {name}"
    return up if metric.low > 0 else down


def _drawn(held_out: HeldOut, answers: Mapping[str, Floats], losses: Mapping[str, Floats], seed: int) -> Floats:
    """(draws, arms, 2): AUC and log loss of each draw."""
    rng = np.random.default_rng(seed)
    rankings = {name: _rankings(held_out, scores) for name, scores in answers.items()}
    seeds = len(next(iter(answers.values())))
    out = np.empty((_DRAWS, len(answers), 2))
    for draw in range(_DRAWS):
        weights = _weights(held_out, rng)
        chosen = rng.integers(0, seeds, seeds)
        for place, name in enumerate(answers):
            areas = [ranking.auc(weights[inside]) for row in chosen for ranking, inside in rankings[name][row]]
            out[draw, place] = np.nanmean(areas), (losses[name][chosen] @ weights).mean() / weights.sum()
    return out


def _weights(held_out: HeldOut, rng: np.random.Generator) -> Floats:
    """How often each image is drawn: whole groups, within their fold."""
    times = np.zeros(held_out.groups.max() + 1)
    for fold in np.unique(held_out.folds):
        own = np.unique(held_out.groups[held_out.folds == fold])
        np.add.at(times, rng.choice(own, len(own)), 1)
    return np.asarray(times[held_out.groups])


def _rankings(held_out: HeldOut, scores: Floats) -> list[list[tuple[Ranking, NDArray[np.bool_]]]]:
    """Of each seed, each fold's ranking and which images are in it."""
    inside = [held_out.folds == fold for fold in np.unique(held_out.folds)]
    return [[(Ranking(held_out.truths[fold], row[fold]), fold) for fold in inside] for row in scores]


def _cells(held_out: HeldOut, scores: Floats) -> Floats:
    """(S, F): AUC of each seed and fold."""
    return np.array([[ranking.auc() for ranking, _ in row] for row in _rankings(held_out, scores)])


def _losses(held_out: HeldOut, scores: Floats) -> Floats:
    """(S, N)."""
    return np.stack([log_losses(np.stack([1 - row, row], axis=1), held_out.truths) for row in scores])


def _metric(value: float, drawn: Floats, words: str, n: int) -> Metric:
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Metric(value, float(low), float(high), words, n)


def _words(held_out: HeldOut, seeds: int) -> str:
    groups = len(np.unique(held_out.groups))
    rough = "; so few of them make it rough" if groups < _FEW else ""
    return f"percentile bootstrap over {groups} groups within folds and {seeds} seeds, {_DRAWS:,} draws{rough}"
