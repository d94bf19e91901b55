"""False lesions at equal sensitivity, by hand and in paired intervals."""

import numpy as np
import pytest

from sentinode.core.errors import EvaluationError
from sentinode.metrics.froc.lesion_arms import (
    LesionQuestions,
    LesionSlide,
    compare_lesion_arms,
    lesion_curve,
    lesion_verdict,
)

_QUESTIONS = LesionQuestions((0.5, 0.75, 1.0), 1.0, 3)
_FALSE, _FOUND = _QUESTIONS.names[:3], _QUESTIONS.names[3:]


def _slide(name: str, false: list[float], lesions: list[float] = (), cells: list[int] = ()) -> LesionSlide:  # type: ignore[assignment]
    return LesionSlide(name, np.array(false, float), np.array(lesions, float), np.array(cells, int))


def _by_hand() -> list[LesionSlide]:
    return [
        _slide("n1", [0.95, 0.6, 0.3]),
        _slide("n2", [0.5]),
        _slide("t1", [0.99, 0.98], [0.9, 0.4], [8, 2]),  # its false ones are on no normal slide
        _slide("t2", [], [0.7, 0.2], [5, 1]),
    ]


def test_figures_are_those_counted_by_hand() -> None:
    (arm,) = compare_lesion_arms({"one": [_by_hand()]}, _QUESTIONS)
    figures = {name: metric.value for name, metric in arm.figures.items()}
    # Of lesions 0.9, 0.7, 0.4, 0.2: half are found from 0.7 on, three quarters from 0.4, all from 0.2.
    assert [figures[name] for name in _FALSE] == [0.5, 1.5, 2.0]
    # One false lesion a normal slide are two on both: above the third, 0.5, are 0.9 and 0.7, both of 4 cells and more.
    assert [figures[name] for name in _FOUND] == [0.5, 0.0, 1.0]
    assert arm.differences == {}
    np.testing.assert_allclose(lesion_curve(_by_hand(), np.array([0.0, 0.5, 1.0, 8.0])), [0, 0.5, 0.5, 1.0])


def _cohort(rng: np.random.Generator, strength: float) -> list[LesionSlide]:
    normal = [_slide(f"n{number}", rng.normal(0, 1, 8).tolist()) for number in range(30)]
    return normal + [
        _slide(f"t{number}", [], rng.normal(strength, 1, 3).tolist(), rng.integers(1, 40, 3).tolist())
        for number in range(30)
    ]


def test_a_better_arm_is_told_from_one_that_is_alike() -> None:
    rng = np.random.default_rng(3)
    first = [_cohort(rng, 1.5) for _ in range(3)]
    better = [_cohort(rng, 3.0) for _ in range(3)]
    alike = [_cohort(rng, 1.5) for _ in range(3)]
    arms = {"first": first, "better": better, "alike": alike, "worse": [_cohort(rng, 0.3) for _ in range(3)]}
    _, two, three, four = compare_lesion_arms(arms, _QUESTIONS)
    assert lesion_verdict(two, _QUESTIONS) == "makes fewer false lesions at equal sensitivity"
    assert lesion_verdict(three, _QUESTIONS) == "adds nothing that could be told"
    assert lesion_verdict(four, _QUESTIONS) == "makes more false lesions at equal sensitivity"
    assert two.differences[_FOUND[0]].low > 0  # type: ignore[operator]


def test_the_same_scores_differ_by_nothing_since_draws_are_paired() -> None:
    cohort = [_cohort(np.random.default_rng(1), 1.0) for _ in range(2)]
    _, second = compare_lesion_arms({"a": cohort, "b": cohort}, _QUESTIONS)
    assert {(one.value, one.low, one.high) for one in second.differences.values()} == {(0.0, 0.0, 0.0)}


def test_other_slides_and_no_normal_ones_are_refused() -> None:
    with pytest.raises(EvaluationError, match="0 of 2 slides are normal"):
        compare_lesion_arms({"one": [_by_hand()[2:]]}, _QUESTIONS)
    with pytest.raises(EvaluationError, match="two saw other slides"):
        compare_lesion_arms({"one": [_by_hand()], "two": [_by_hand()[::-1]]}, _QUESTIONS)
