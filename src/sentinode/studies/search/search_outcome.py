"""From a study to what a person reads: the page, the table, the best recipe."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from sentinode.core.csv_output import render_csv
from sentinode.core.files import write_text
from sentinode.core.messages import plural
from sentinode.data.manifest import Manifest
from sentinode.reports.frame import Context
from sentinode.reports.search_page import write_search_page
from sentinode.reports.search_results import (
    SearchResults,
    SearchTrial,
    State,
    metric_words,
    value_words,
    values_in_words,
)
from sentinode.studies.search.search_space import Space
from sentinode.studies.search.trials import Attempts, attempts

_TRIALS_A_KEY = 4  # below that many ended trials for each key the importances say more about luck than about keys


@dataclass(frozen=True)
class SearchOutcome:
    """What a search came to, and where its files are."""

    folder: Path
    results: SearchResults

    @property
    def trials(self) -> tuple[SearchTrial, ...]:
        """Trials in the order in which they were begun."""
        return self.results.trials

    @property
    def best(self) -> SearchTrial | None:
        """The trial with the best validation figure."""
        return self.results.best

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        states: tuple[State, ...] = ("complete", "pruned", "failed", "open")
        best = self.best
        return {
            "search": str(self.folder),
            "metric": f"validation_{self.results.metric}",
            "trials": {state: len(self.results.of(state)) for state in states},
            "best": best and {"trial": best.number, "figure": best.figure, "epoch": best.epoch, "values": best.values},
            "importances": dict(self.results.importances),
            "recipe": str(self.folder / "best.toml"),
        }

    def summary(self) -> str:
        """A few lines for a person."""
        counts = self.to_json()["trials"]
        words = ", ".join(f"{state} {count}" for state, count in counts.items() if count)
        lines = [f"trials    {words} of {self.results.budget}"]
        if self.best is not None:
            lines += [
                f"best      {_figure_words(self.best, self.results.metric)} (trial {self.best.number})",
                f"          {values_in_words(self.best.values)}",
                f"          picked among {len(self.results.ranked)} by this figure, so it is optimistic; the test split"
                " was not looked at",
            ]
        lines += [f"report    {self.folder / 'search.html'}"]
        return "\n".join([*lines, f"train it  {_command(self.folder)}"] if self.best else lines)


def write_results(study: optuna.Study, space: Space, manifest: Manifest, out: Path, *, budget: int) -> SearchOutcome:
    """Write `search.html`, `trials.csv` and, once a trial came to its end, `best.toml`.

    Args:
        study: The study.
        space: What was varied over which recipe.
        manifest: Of the search's data, without its test split.
        out: The search's folder.
        budget: How many combinations there are to be.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    found = attempts(study, budget)
    results = _results(study, space, manifest, found, budget)
    recipe = _best_recipe(space, results)
    write_text(out / "trials.csv", _table(results))
    if recipe:
        write_text(out / "best.toml", recipe)
    context = Context(
        data=space.base.data.source,
        facts=_facts(space, manifest, results),
        provenance=_provenance(study, space),
        recipe=recipe,
    )
    write_search_page(results, context, out / "search.html", command=_command(out) if recipe else "")
    return SearchOutcome(out, results)


def trial_words(one: Attempts, space: Space, budget: int) -> str:
    """A line on a trial that ended."""
    trial = _trial(one, space)
    head = f"trial {trial.number}/{budget}"
    if trial.state == "failed":
        return f"{head}  failed: {trial.error}"
    figure = _figure_words(trial, space.base.training.monitor)
    early = "  ended early" if trial.state == "pruned" else ""
    return f"{head}  {figure}{early}  {values_in_words(trial.values)}"


def _results(
    study: optuna.Study, space: Space, manifest: Manifest, found: list[Attempts], budget: int
) -> SearchResults:
    labels = manifest.labels("validation")
    importances, words = _importances(study, space)
    search = space.search
    return SearchResults(
        name=search.name,
        metric=space.base.training.monitor,
        keys=space.keys,
        trials=tuple(_trial(one, space) for one in found),
        budget=budget,
        grid={key: axis.grid(key) for key, axis in search.space.items()} if search.method == "grid" else None,
        importances=importances,
        importance_words=words,
        class_counts=tuple(int((labels == place).sum()) for place in range(len(manifest.class_names))),
    )


def _trial(one: Attempts, space: Space) -> SearchTrial:
    last = one.last
    curve = tuple(sorted(last.intermediate_values.items()))
    state: State = "open"
    if one.error:
        state = "failed"
    elif last.state in (TrialState.COMPLETE, TrialState.PRUNED):
        state = "complete" if last.state == TrialState.COMPLETE else "pruned"
    values = space.values_of(last.params)
    figure, epoch = None, None
    if curve and state in ("complete", "pruned"):
        keep_last = state == "complete" and space.recipe(values, "").training.keep == "last"
        epoch, figure = (
            curve[-1] if keep_last else _best_point(curve, study_minimises=space.base.training.monitor == "loss")
        )
    seconds = last.duration.total_seconds() if last.duration is not None and one.ended else None
    return SearchTrial(one.number, state, values, figure, epoch, curve, seconds, one.error)


def _best_point(curve: tuple[tuple[int, float], ...], *, study_minimises: bool) -> tuple[int, float]:
    """The first of the best points, as `best_epoch` chooses."""
    sign = -1.0 if study_minimises else 1.0
    return max(curve, key=lambda point: (sign * point[1], -point[0]))


def _importances(study: optuna.Study, space: Space) -> tuple[dict[str, float], str]:
    """Key → share of the variance, and how it was computed or why not."""
    ended = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    wanted = max(_TRIALS_A_KEY * len(space.keys), 2)
    if ended < wanted:
        keys = plural(len(space.keys), "key")
        return {}, f"Too few trials for importances: {ended} came to their end, and {keys} would need {wanted}."
    try:
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=space.search.seed))
    except RuntimeError:  # all figures are alike
        return {}, "No importances: every trial that came to its end has the same figure."
    words = (
        f"How much of the figure's variance over {ended} trials each key explains by itself, normalised to 100 %"
        " (functional ANOVA, Hutter et al. 2014). Trials that were ended early or failed are not in it."
    )
    return {key: float(share) for key, share in shares.items()}, words


def _best_recipe(space: Space, results: SearchResults) -> str:
    """The best trial's recipe as TOML, ready to train; empty where no trial came to its end."""
    best = results.best
    if best is None:
        return ""
    figure = _figure_words(best, results.metric)
    head = (
        f"Best of {plural(len(results.ranked), 'trial')} of the search {results.name}: trial {best.number}, "
        f"{figure}. That figure"
        " is optimistic: it was picked by."
    )
    base = space.recipe(dict(best.values), "best.toml")
    description = f"{base.description} {head}".strip()
    return base.model_copy(update={"name": f"{results.name}-best", "description": description}).to_toml()


def _table(results: SearchResults) -> str:
    columns = [
        "rank",
        "trial",
        "state",
        f"validation_{results.metric}",
        "epoch",
        "epochs",
        "seconds",
        *results.keys,
        "error",
    ]
    ranked, rows = list(results.ranked), []
    for trial in [*ranked, *results.of("pruned", "failed", "open")]:
        rank = ranked.index(trial) + 1 if trial in ranked else ""
        figure = "" if trial.figure is None else f"{trial.figure:.8g}"
        seconds = "" if trial.seconds is None else f"{trial.seconds:.1f}"
        values = [_plain(trial.values[key]) if key in trial.values else "" for key in results.keys]
        rows.append(
            [
                rank,
                trial.number,
                trial.state,
                figure,
                trial.epoch or "",
                len(trial.curve),
                seconds,
                *values,
                trial.error,
            ]
        )
    return render_csv(columns, rows)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _facts(space: Space, manifest: Manifest, results: SearchResults) -> list[tuple[str, str]]:
    search = space.search
    method = "grid" if search.method == "grid" else "TPE"
    return [
        ("Recipe", space.base.name or search.recipe),
        ("Data", space.base.data.source),
        ("Method", f"{method}, ended early below the median" if search.prunes else method),
        ("Train", f"{plural(len(manifest.rows('train')), 'image')}"),
        ("Validation", f"{plural(len(manifest.rows('validation')), 'image')}"),
        ("Compared by", metric_words(results.metric)),
    ]


def _provenance(study: optuna.Study, space: Space) -> Mapping[str, str]:
    search = space.search
    varied = "; ".join(f"{key}: {_axis_words(space, key)}" for key in space.keys)
    facts = {"Varied": varied, "Seed of the search": str(search.seed), "Seed of the trainings": str(space.base.seed)}
    facts |= {
        "Search (SHA-256)": study.user_attrs["search_sha256"],
        "Data and split (SHA-256)": study.user_attrs["data_sha256"],
    }
    return facts | {"Optuna": optuna.__version__}


def _axis_words(space: Space, key: str) -> str:
    axis = space.search.space[key]
    if hasattr(axis, "choices"):
        return " | ".join(value_words(value) for value in axis.choices)
    kind = " on a logarithmic scale" if axis.log else ""
    step = f" in steps of {axis.step:g}" if axis.step else ""
    return f"{value_words(axis.low)} to {value_words(axis.high)}{step}{kind}"


def _figure_words(trial: SearchTrial, metric: str) -> str:
    figure = "–" if trial.figure is None else f"{trial.figure:.4f}"
    return f"{metric_words(metric)} {figure} in epoch {trial.epoch}"


def _command(folder: Path) -> str:
    return f"sentinode train {folder / 'best.toml'}"
