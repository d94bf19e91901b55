"""The page of a search: every trial, the best one first, and what its figure is worth."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinode.metrics.measures.roc import roc_curve
from sentinode.reports.frame import Context
from sentinode.reports.search_page import heat_maps, write_search_page
from sentinode.reports.search_results import SearchResults, SearchTrial, value_words, values_in_words

RATES, DECAYS, NETWORKS = (1e-4, 3e-4, 1e-3), (1e-5, 1e-4), ("resnet18", "resnet34")
KEYS = ("model.architecture", "training.learning_rate", "training.weight_decay")


def trial(number: int, figure: float | None, **changes: Any) -> SearchTrial:
    curve = ((1, figure - 0.1), (2, figure)) if figure is not None else ()
    given = {"state": "complete", "values": {"training.epochs": number}, "epoch": 2 if curve else None, "curve": curve}
    return SearchTrial(number=number, figure=figure, seconds=12.3, **{**given, **changes})


def results(*trials: SearchTrial, **changes: Any) -> SearchResults:
    given: dict[str, Any] = {"name": "mine", "metric": "auc", "keys": ("training.epochs",), "budget": len(trials)}
    return SearchResults(**{**given, "trials": trials, "importance_words": "Too few.", **changes})


@pytest.fixture(scope="module")
def grid() -> SearchResults:
    """A grid over three keys; one point failed, one was ended early, the last two were not begun."""
    points = [(net, rate, decay) for net in NETWORKS for rate in RATES for decay in DECAYS][:-2]
    trials = []
    for number, point in enumerate(points, start=1):
        changes: dict[str, Any] = {"values": dict(zip(KEYS, point, strict=True))}
        if number == 3:
            changes |= {"state": "failed", "error": "no <memory> & no hope", "figure": None, "curve": (), "epoch": None}
        if number == 5:
            changes |= {"state": "pruned"}
        trials.append(trial(number, **{"figure": 0.8 + 0.011 * number, **changes}))
    shares = {"training.learning_rate": 0.7, "model.architecture": 0.25, "training.weight_decay": 0.05}
    axes = dict(zip(KEYS, (NETWORKS, RATES, DECAYS), strict=True))
    return results(
        *trials, keys=KEYS, budget=12, grid=axes, importances=shares, importance_words="Shares.", class_counts=(40, 60)
    )


def page(found: SearchResults, folder: Path) -> str:
    facts, provenance = [("Data", "folder:<x>")], {"Optuna": "5"}
    out = folder / "search.html"
    write_search_page(
        found,
        Context(data="folder:x", facts=facts, provenance=provenance, recipe="seed = 1"),
        out,
        command="sentinode train x",
    )
    return out.read_text(encoding="utf-8")


def test_ranked_is_by_the_figure_and_of_equals_by_number() -> None:
    found = results(
        trial(1, 0.7), trial(2, 0.9), trial(3, 0.9), trial(4, 0.99, state="pruned"), trial(5, None, state="failed")
    )
    assert [one.number for one in found.ranked] == [2, 3, 1]
    losses = results(trial(1, 0.7), trial(2, 0.4), trial(3, 0.5), metric="loss")
    assert [one.number for one in losses.ranked] == [2, 3, 1]
    assert results(trial(1, None, state="open")).best is None


def test_the_standard_error_is_what_drawing_the_images_again_gives() -> None:
    rng = np.random.default_rng(0)
    aucs = []
    for _ in range(400):
        scores = np.concatenate([rng.normal(0, 1, 60), rng.normal(1.5, 1, 40)])
        curve = roc_curve(np.repeat([0, 1], (60, 40)), scores)
        assert curve is not None
        aucs.append(np.trapezoid(curve.sensitivity, curve.false_positive_rate))
    found = results(trial(1, float(np.mean(aucs))), class_counts=(60, 40))
    assert found.standard_error == pytest.approx(np.std(aucs), rel=0.15)
    accuracy = results(trial(1, 0.8), metric="accuracy", class_counts=(50, 30, 20))
    assert accuracy.standard_error == pytest.approx(0.04)
    assert results(trial(1, 0.8), metric="auc", class_counts=(5, 3, 2)).standard_error is None
    assert results(trial(1, 0.8), metric="loss", class_counts=(5, 3)).standard_error is None


def test_near_best_are_those_within_one_standard_error() -> None:
    found = results(trial(1, 0.80), trial(2, 0.77), trial(3, 0.75), metric="accuracy", class_counts=(50, 50))
    assert found.standard_error == pytest.approx(0.04)
    assert [one.number for one in found.near_best()] == [2]


def test_a_heat_map_has_the_last_two_keys_and_one_table_for_each_value_of_the_first(grid: SearchResults) -> None:
    maps = heat_maps(grid)
    assert [one.title for one in maps] == ["model.architecture = resnet18", "model.architecture = resnet34"]
    assert maps[0].columns == ("1e-05", "0.0001")
    assert [label for label, _ in maps[0].rows] == ["0.0001", "0.0003", "0.001"]
    numbers = [[cell.trial and cell.trial.number for cell in row] for one in maps for _, row in one.rows]
    assert numbers == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [None, None]]
    shares = {cell.trial.number: cell.share for one in maps for _, row in one.rows for cell in row if cell.trial}
    assert (shares[1], shares[10], shares[3]) == (0, 1, 0)
    assert 0 < shares[2] < shares[4] < 1


def test_there_is_no_heat_map_without_a_grid_of_two_keys() -> None:
    assert heat_maps(results(trial(1, 0.8))) == []
    assert heat_maps(results(trial(1, 0.8), grid={"training.epochs": (1, 2)})) == []
    one_value = {"training.epochs": (1, 2), "seed": (1,)}
    assert heat_maps(results(trial(1, 0.8), keys=("training.epochs", "seed"), grid=one_value)) == []


def test_the_page_says_what_there_is_and_what_it_is_worth(grid: SearchResults, tmp_path: Path) -> None:
    html = page(grid, tmp_path)
    assert "trial 10: validation AUC 0.9100 in epoch 2" in html
    assert "12 trials 8 came" in html
    assert "1 was ended early and 1 failed" in html
    assert "picked among 8 trials" in html
    error = grid.standard_error
    assert error is not None
    assert f"standard error of {error:.4f} (Hanley and McNeil 1982)" in html
    assert "Trial 3: no &lt;memory&gt; &amp; no hope" in html
    assert "seed = 1" in html
    assert "sentinode train x" in html
    for number in range(1, 11):
        assert f"<td>{number}</td>" in html
    assert re.findall(r"<tr class=\"chosen\"><th scope=\"row\">(\d+)</th><td>(\d+)</td>", html) == [("1", "10")]


def test_the_page_is_whole_by_itself_and_the_same_each_time(grid: SearchResults, tmp_path: Path) -> None:
    html = page(grid, tmp_path)
    assert page(grid, tmp_path) == html
    assert "<script" not in html
    assert not re.findall(r'(?:src|href)="(?!#)', html)
    assert "mathdefault" not in html
    labels = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert len(labels) == 5
    assert any("training.learning_rate 70" in label for label in labels)
    assert any("trial 10, has 0.9100" in label for label in labels)


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_a_page_of_another_figure_and_of_many_kinds_of_values(metric: str, tmp_path: Path) -> None:
    keys = ("training.learning_rate", "model.trainable", "training.augmentation.flips")
    trials = [
        trial(n, 0.5 + n / 100, values=dict(zip(keys, (10 ** (-n / 3), ["fc"] * (n % 3), n % 2 == 0), strict=True)))
        for n in range(1, 11)
    ]
    html = page(results(*trials, keys=keys, metric=metric, class_counts=(5, 5)), tmp_path)
    assert f"The best is trial {1 if metric == 'loss' else 10}: validation {metric}" in html
    assert ("the lowest first" in html) == (metric == "loss")
    assert "[fc, fc]" in html
    assert "Too few." in html


def test_a_page_with_no_trial_that_ended(tmp_path: Path) -> None:
    html = page(
        results(trial(1, None, state="failed", error="broken", values={}), trial(2, None, state="open")), tmp_path
    )
    assert "Of 2 trials 0 came to their end, 1 failed and 1 is not done." in html
    assert "optimistic" not in html
    assert 'id="curves"' not in html


def test_values_are_written_as_in_the_recipe() -> None:
    words = [value_words(value) for value in (True, 0.00031234, 3, "adamw", [1, 2.5], [])]
    assert words == ["true", "0.0003123", "3", "adamw", "[1, 2.5]", "[]"]
    assert values_in_words({"a.b": 1, "c": False}) == "a.b = 1, c = false"
