"""The page of a search: ranked trials, importances, curves, heat maps, and how far the best figure can be trusted."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.messages import agree, listed, plural
from sentinode.reports import wording
from sentinode.reports.charts.chart import drawn
from sentinode.reports.charts.search_charts import importance_chart, trial_curves, value_charts
from sentinode.reports.frame import Context, write_page
from sentinode.reports.search_results import (
    SearchResults,
    SearchTrial,
    capital,
    metric_words,
    value_words,
    values_in_words,
)

_MOST_MAPS = 8  # heat maps of one page: of more keys' combinations nobody sees anything


@dataclass(frozen=True)
class HeatCell:
    """One point of a grid."""

    trial: SearchTrial | None
    """None where it was not begun."""

    share: float
    """Where its figure lies between the worst (0) and the best (1) of the search."""


@dataclass(frozen=True)
class HeatMap:
    """Two keys of a grid against each other, at fixed values of the others."""

    title: str
    row_key: str
    column_key: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    """(value of the row's key, cells)."""


def write_search_page(results: SearchResults, context: Context, out: Path, *, command: str = "") -> None:
    """Write the page of a search.

    Args:
        results: The trials.
        context: What was searched on, with the facts of the head; its recipe is the best trial's, to be unfolded.
        out: The file, usually `search.html`.
        command: What to type to train it.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    curves, importances = trial_curves(results), importance_chart(results)
    values = value_charts(results)
    charts = drawn([chart for chart in (curves, importances, *values) if chart is not None])
    page: dict[str, Any] = {
        "title": f"{results.name}: search",
        "kind": "search",
        "heading": results.name,
        "facts": context.facts,
        "context": context,
        "results": results,
        "metric": metric_words(results.metric),
        "metric_title": capital(metric_words(results.metric)),
        "headline": _headline(results),
        "caution": _caution(results),
        "maps": heat_maps(results),
        "charts": charts,
        "value_charts": [(key, charts[f"values-{place}"]) for place, key in enumerate(results.keys) if values],
        "near": {trial.number for trial in results.near_best()},
        "command": command,
        "value_words": value_words,
    }
    write_page("search.html.j2", page, out)


def heat_maps(results: SearchResults) -> list[HeatMap]:
    """A grid's last two keys with several values as a table, one for each combination of the other keys' values.

    Without a grid, with fewer than two such keys or with too many combinations there are none.
    """
    if results.grid is None:
        return []
    several = [key for key in results.keys if len(results.grid[key]) > 1]
    if len(several) < 2:
        return []
    *others, row_key, column_key = several
    combinations = list(itertools.product(*(results.grid[key] for key in others)))
    if len(combinations) > _MOST_MAPS:
        return []
    maps = []
    for combination in combinations:
        fixed = dict(zip(others, combination, strict=True))
        rows = tuple(
            (value_words(row), tuple(_cell(results, {**fixed, row_key: row, column_key: column}) for column in columns))
            for columns in (results.grid[column_key],)
            for row in results.grid[row_key]
        )
        headings = tuple(value_words(value) for value in results.grid[column_key])
        maps.append(HeatMap(values_in_words(fixed), row_key, column_key, headings, rows))
    return maps


def _cell(results: SearchResults, values: Mapping[str, Any]) -> HeatCell:
    trial = next((one for one in results.trials if _agrees(one, values)), None)
    figures = [one.figure for one in results.ranked if one.figure is not None]
    if trial is None or trial.figure is None or trial.state != "complete":
        return HeatCell(trial, 0.0)
    low, high = min(figures), max(figures)
    share = 1.0 if high == low else (trial.figure - low) / (high - low)
    return HeatCell(trial, 1 - share if results.lower_is_better else share)


def _agrees(trial: SearchTrial, values: Mapping[str, Any]) -> bool:
    return all(key in trial.values and trial.values[key] == value for key, value in values.items())


def _headline(results: SearchResults) -> list[str]:
    counts = {state: len(results.of(state)) for state in ("complete", "pruned", "failed", "open")}
    words = [f"{counts['complete']} came to {'its' if counts['complete'] == 1 else 'their'} end"]
    words += [f"{counts['pruned']} {_be(counts['pruned'], 'was')} ended early"] if counts["pruned"] else []
    words += [f"{counts['failed']} failed"] if counts["failed"] else []
    words += [f"{counts['open']} {_be(counts['open'], 'is')} not done"] if counts["open"] else []
    sentence = f"Of {plural(results.budget, 'trial')} {listed(words)}."
    best = results.best
    if best is None:
        return [sentence]
    figure = f"{metric_words(results.metric)} {wording.number(best.figure, 4)} in epoch {best.epoch}"
    return [f"The best is trial {best.number}: {figure}, with {values_in_words(best.values)}.", sentence]


def _be(count: int, one: str) -> str:
    return one if count == 1 else {"was": "were", "is": "are"}[one]


def _caution(results: SearchResults) -> list[str]:
    """How far the best figure can be trusted."""
    best = results.best
    if best is None:
        return []
    words = [
        f"The best figure is optimistic: it was picked among {plural(len(results.ranked), 'trial')} by this"
        " very figure, so luck on these validation images is part of it. What the recipe is worth, the test split says,"
        " which no trial has seen."
    ]
    error = results.standard_error
    if error is not None:
        by = "Hanley and McNeil 1982" if results.metric == "auc" else "binomial"
        near = len(results.near_best())
        trials = (
            "no other trial lies" if not near else f"{plural(near, 'other trial')} {'lies' if near == 1 else 'lie'}"
        )
        words.append(
            f"{agree(sum(results.class_counts), 'validation image gives', 'validation images give')} the "
            "figure a standard error of"
            f" {wording.number(error, 4)} ({by}); {trials} that near to the best. Where a cheaper or plainer recipe is"
            " among them, take that one."
        )
    return words
