"""Arms of a study that look for lesions on the same slides: false lesions at equal sensitivity, paired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric

_DRAWS = 1000
_LEVEL = (0.025, 0.975)
_ROUNDING = 1e-9
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LesionSlide:
    """What was found on one slide whose lesions are known; without any it is normal."""

    name: str
    false_lesions: Floats
    """(F,) scores of what was found outside of lesions."""
    lesions: Floats
    """(L,) score of each lesion: the highest within it."""
    cells: NDArray[np.int64]
    """(L,) size of each lesion."""


@dataclass(frozen=True)
class LesionQuestions:
    """At which points the arms are compared."""

    sensitivities: tuple[float, ...]
    """Shares of all lesions at which false lesions a normal slide are counted."""
    rate: float
    """False lesions a normal slide at which found lesions are counted, by size."""
    small: int
    """Most cells of a small lesion."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each figure is, in words."""
        at = f"at {self.rate:g} false lesion{'' if self.rate == 1 else 's'} a normal slide"
        return (
            *(f"false lesions a normal slide, {100 * share:g} % of lesions found" for share in self.sensitivities),
            f"lesions found, all, {at}",
            f"lesions of 1–{self.small} cells found, {at}",
            f"lesions of {self.small + 1} and more cells found, {at}",
        )

    @property
    def deciding(self) -> str:
        """The figure that a verdict goes by: false lesions at the middle one of the sensitivities."""
        return self.names[len(self.sensitivities) // 2]


@dataclass(frozen=True)
class LesionFigures:
    """One arm."""

    name: str
    figures: Mapping[str, Metric]
    """By what each is in words: means over seeds."""
    differences: Mapping[str, Metric]
    """This arm less the first one; none of that one."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        groups = {"figures": self.figures, "differences": self.differences}
        return {
            "name": self.name,
            **{key: {name: metric.to_json() for name, metric in found.items()} for key, found in groups.items()},
        }


def compare_lesion_arms(
    arms: Mapping[str, Sequence[Sequence[LesionSlide]]], questions: LesionQuestions, seed: int = 0
) -> tuple[LesionFigures, ...]:
    """Measure every arm, and each against the first.

    A draw takes slides with replacement, normal ones and those with lesions apart, and seeds with replacement, the same
    for every arm: that pairs the differences. A figure is of one seed, and the mean of them is taken.

    Args:
        arms: Of each arm, its seeds, and of each seed the same slides in the same order.
        questions: Where they are compared.
        seed: Of the draws.

    Raises:
        EvaluationError: There is no normal slide, or none with lesions; or arms saw other slides.
    """
    first = next(iter(arms.values()))[0]
    _check(arms, first)
    found = {name: [_Scores(slides) for slides in seeds] for name, seeds in arms.items()}
    once = np.ones(len(first))
    values = {
        name: np.nanmean([one.answers(questions, once) for one in seeds], axis=0) for name, seeds in found.items()
    }
    drawn = _drawn(found, first, questions, seed)
    lesions = sum(len(slide.lesions) for slide in first)
    seeds = len(next(iter(arms.values())))
    words = f"percentile bootstrap over {plural(len(first), 'slide')} and {plural(seeds, 'seed')}, {_DRAWS:,} draws"

    def metrics(values_: Floats, draws: Floats) -> dict[str, Metric]:
        low, high = np.nanquantile(draws, _LEVEL, axis=0)
        made = zip(questions.names, values_.tolist(), low.tolist(), high.tolist(), strict=True)
        return {name: Metric(value, least, most, words, lesions) for name, value, least, most in made}

    names = list(arms)
    return tuple(
        LesionFigures(
            name,
            metrics(values[name], drawn[:, place]),
            metrics(values[name] - values[names[0]], drawn[:, place] - drawn[:, 0]) if place else {},
        )
        for place, name in enumerate(names)
    )


def lesion_verdict(figures: LesionFigures, questions: LesionQuestions) -> str:
    """What an arm brings, in words: only an interval that leaves out zero says that it does."""
    difference = figures.differences[questions.deciding]
    assert difference.low is not None
    assert difference.high is not None
    if difference.high < 0:
        return "makes fewer false lesions at equal sensitivity"
    if difference.low > 0:
        return "makes more false lesions at equal sensitivity"
    return "adds nothing that could be told"


def lesion_curve(slides: Sequence[LesionSlide], rates: Floats) -> Floats:
    """(R,) the share of lesions found at each of `rates` false lesions a normal slide (R,)."""
    scores, once = _Scores(slides), np.ones(len(slides))
    return np.array([scores.found(scores.threshold(rate, once), once)[0] for rate in rates.tolist()])


class _Scores:
    """All scores of one seed, sorted once, so that a draw costs a pass over them."""

    def __init__(self, slides: Sequence[LesionSlide]) -> None:
        self._normal = np.array([not len(slide.lesions) for slide in slides])
        false = [slide.false_lesions if not len(slide.lesions) else np.empty(0) for slide in slides]
        self._false, self._false_slide, _ = _sorted(false, [np.zeros(len(one)) for one in false])
        self._lesion, self._lesion_slide, self._cells = _sorted(
            [slide.lesions for slide in slides], [slide.cells.astype(np.float64) for slide in slides]
        )

    def answers(self, questions: LesionQuestions, weights: Floats) -> Floats:
        """The figures of `questions`, each slide counted `weights` (S,) times."""
        false = [self._false_rate(self._reached(share, weights), weights) for share in questions.sensitivities]
        found = self.found(self.threshold(questions.rate, weights), weights, questions.small)
        return np.array([*false, *found])

    def _reached(self, share: float, weights: Floats) -> float:
        """The highest score at which so many of the lesions are found."""
        counted = np.cumsum(weights[self._lesion_slide])
        place = int(np.searchsorted(counted, share * counted[-1] - _ROUNDING))
        return float(self._lesion[min(place, len(counted) - 1)])

    def _false_rate(self, threshold: float, weights: Floats) -> float:
        reached = weights[self._false_slide][self._false >= threshold]
        return float(reached.sum() / weights[self._normal].sum())

    def threshold(self, rate: float, weights: Floats) -> float:
        """The score above which there are at most `rate` false lesions a normal slide."""
        counted = np.cumsum(weights[self._false_slide]) / weights[self._normal].sum()
        place = int(np.searchsorted(counted, rate + _ROUNDING, side="right"))
        return float(self._false[place]) if place < len(counted) else -np.inf

    def found(self, threshold: float, weights: Floats, small: int = 0) -> tuple[float, float, float]:
        """Shares of all lesions, of those up to `small` cells and of the others whose score is above a threshold."""
        own = weights[self._lesion_slide]
        hit = own * (self._lesion > threshold)
        sizes = (np.ones(len(own), bool), self._cells <= small, self._cells > small)
        all_, few, many = (
            float(hit[which].sum() / own[which].sum()) if own[which].sum() else np.nan for which in sizes
        )
        return all_, few, many


def _sorted(scores: Sequence[Floats], facts: Sequence[Floats]) -> tuple[Floats, NDArray[np.int64], Floats]:
    """All scores, highest first, with the slide and the fact of each."""
    owners = np.repeat(np.arange(len(scores)), [len(one) for one in scores])
    together = np.concatenate(scores)
    order = np.argsort(-together, kind="stable")
    return together[order], owners[order], np.concatenate(facts)[order]


def _drawn(
    found: Mapping[str, Sequence[_Scores]], slides: Sequence[LesionSlide], questions: LesionQuestions, seed: int
) -> Floats:
    """(draws, arms, figures)."""
    rng = np.random.default_rng(seed)
    normal = np.array([not len(slide.lesions) for slide in slides])
    strata = [np.flatnonzero(normal), np.flatnonzero(~normal)]
    seeds = len(next(iter(found.values())))
    out = np.empty((_DRAWS, len(found), len(questions.names)))
    for draw in range(_DRAWS):
        weights = np.zeros(len(slides))
        for members in strata:
            np.add.at(weights, rng.choice(members, len(members)), 1)
        chosen = np.bincount(rng.integers(0, seeds, seeds), minlength=seeds)
        for place, scores in enumerate(found.values()):
            answers = [
                times * one.answers(questions, weights) for times, one in zip(chosen, scores, strict=True) if times
            ]
            out[draw, place] = np.sum(answers, axis=0) / seeds
    return out


def _check(arms: Mapping[str, Sequence[Sequence[LesionSlide]]], first: Sequence[LesionSlide]) -> None:
    normal = sum(not len(slide.lesions) for slide in first)
    if not 0 < normal < len(first):
        raise EvaluationError(
            f"{normal} of {plural(len(first), 'slide')} are normal; false lesions at equal sensitivity need normal "
            "slides and slides with lesions"
        )
    names = [slide.name for slide in first]
    for arm, seeds in arms.items():
        if any([slide.name for slide in slides] != names for slides in seeds):
            raise EvaluationError(f"{arm} saw other slides than the first arm; compare arms on the same ones")
