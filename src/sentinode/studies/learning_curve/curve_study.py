"""`sentinode learning-curve`: one model trained on growing parts of the training images, several draws of each."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import RecipeError
from sentinode.core.files import write_json
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.metrics.learning_curve import (
    CurvePoint,
    LearningCurve,
    learning_curve,
    point_metrics,
    write_curve,
)
from sentinode.metrics.predictions import Predictions
from sentinode.metrics.predictions_csv import read_predictions
from sentinode.reports.charts.chart import save_png
from sentinode.reports.charts.learning_curve_chart import curve_picture
from sentinode.reports.frame import Context
from sentinode.reports.learning_curve_page import write_curve_page
from sentinode.studies.baselines.backbones import check_new_to, origin_of, origin_of_weights
from sentinode.studies.baselines.baseline_models import CLASSIFIERS, fit_model, inner_folds, words_of
from sentinode.studies.crossval.crossval_recipe import CrossvalRecipe
from sentinode.studies.learning_curve.curve_draws import (
    POINT_FILE,
    POINTS,
    Draw,
    Task,
    curve_folder,
    draws_of,
    finished_points,
    load_task,
    parse_fractions,
    part_of,
)
from sentinode.studies.train_study import assess_trained
from sentinode.training.calibration_fit import check_evaluation, predictions_of
from sentinode.training.features.extraction import extract
from sentinode.training.recipe import Recipe

FRACTIONS = "0.01,0.05,0.2,1"
"""Shares of the training images where nothing else is said."""

_Measure = Callable[[Draw, Path], Predictions]
"""Trains on a draw, in a folder of its own, and answers for the test images."""


@dataclass(frozen=True)
class CurveResult:
    """Where the files are, and the curve."""

    folder: Path
    curve: LearningCurve
    trained: int
    """Points that were trained now; the others had been finished before."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return self.curve.to_json()

    def summary(self) -> str:
        """A few lines for a person."""
        lines = ["images    seeds  AUC, median (range)    accuracy, median (range)"]
        for step in self.curve.steps:
            auc, accuracy = (step.metrics[name] for name in ("auc", "accuracy"))
            lines.append(f"{step.n:<8,}  {step.seeds:<5}  {auc!s:<21}  {accuracy!s}")
        done = len(self.curve.points) - self.trained
        lines.append(f"trained   {self.trained}" + (f"; {done} were finished before" if done else ""))
        return "\n".join([*lines, f"look at   {self.folder / 'learning-curve.html'}"])


def trace_curve(
    name: str | Path,
    address: str,
    out: str | Path,
    *,
    fractions: str | Sequence[float] = FRACTIONS,
    seeds: int = 3,
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> CurveResult:
    """Train at every fraction, with every seed, and measure on the same test images.

    Points that `out` has already are not repeated, so the same command goes on after a stop, and one with more
    fractions or seeds adds to the curve.

    Args:
        name: A recipe of training or of cross-validation; or what gives features to a classical model: `pixels`,
            `colour`, `texture`, a bundle or an architecture.
        address: The data's.
        out: Gets `learning-curve.html`, `.json`, `.csv` and `.png`, and a folder for each point.
        fractions: Shares of the training images, ascending; or as the command line has them, `0.01,0.2,1`.
        seeds: Number of draws at each fraction.
        overrides: `key.path=value`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        SentinodeError: The data, the recipe or the features are not as they should be; a fraction leaves fewer than
            two images of a class; `out` holds something else.
        KeyboardInterrupt: The user stopped it; finished points are kept.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    shares = parse_fractions(fractions) if isinstance(fractions, str) else fractions
    task = load_task(str(name), address, overrides)
    context = isinstance(task, Recipe) and task.model.context
    data = load_dataset(task.data, cache=settings.cache, progress=progress, context=context)
    data.manifest.require("train", "validation", "test")
    draws = draws_of(data, shares, seeds)
    if isinstance(task, Recipe):
        measure, space = _deep(task, data, settings, progress), ""
    else:
        measure, space = _classical(task, data, draws, settings, progress)
    with curve_folder(out, task, data, space):
        missing = [one for one in draws if one.folder not in finished_points(out)]
        try:
            with progress.bar("learning curve", len(draws), "models", done=len(draws) - len(missing)) as advance:
                for one in missing:
                    _train_point(one, data, out / POINTS / one.folder, measure)
                    advance(note=f"fraction {one.fraction:g}, seed {one.seed}")
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt("finished points are kept: the same command goes on") from error
        return CurveResult(out, _written(task, data, address, out), len(missing))


def _train_point(one: Draw, data: Dataset, folder: Path, measure: _Measure) -> None:
    began = time.perf_counter()
    metrics = point_metrics(measure(one, folder))
    manifest = data.manifest
    counts = np.bincount(manifest.labels("train")[one.index], minlength=len(manifest.class_names))
    groups = manifest.groups("train")
    point = CurvePoint(
        fraction=one.fraction,
        seed=one.seed,
        n=len(one.index),
        counts=dict(zip(manifest.class_names, counts.tolist(), strict=True)),
        groups=None if groups is None else len({groups[place] for place in one.index}),
        metrics=metrics,
        seconds=time.perf_counter() - began,
    )
    write_json(folder / POINT_FILE, point.to_json())
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # only what is not finished needs them


def _classical(
    task: CrossvalRecipe, data: Dataset, draws: Sequence[Draw], settings: Settings, progress: Progress
) -> tuple[_Measure, str]:
    check_new_to(origin_of(task.features), data, "name another backbone")
    inner = task.crossval.inner_folds
    folds = {one.folder: inner_folds(data.manifest, one.index, inner, task.seed + one.seed) for one in draws}
    table = extract(task.features, data, settings=settings, progress=progress)
    train, test = table.of("train"), table.of("test")

    def measure(one: Draw, _folder: Path) -> Predictions:
        part = train.take(one.index)
        fitted = fit_model(task.classifier, part, folds[one.folder], seed=task.seed + one.seed, jobs=settings.threads)
        return predictions_of(data.manifest, "test", fitted.probabilities(test.values))

    return measure, table.space.sha256


def _deep(recipe: Recipe, data: Dataset, settings: Settings, progress: Progress) -> _Measure:
    if recipe.training.devices > 1:
        raise RecipeError("training.devices > 1 is not possible in a learning curve; train on one device")
    check_new_to(origin_of_weights(recipe.model.weights), data, "choose other model.weights")
    check_evaluation(recipe.evaluation, data.manifest)
    from sentinode.training.network_bundle import train_network  # torch takes seconds: not before the data is good

    def measure(one: Draw, folder: Path) -> Predictions:
        part = part_of(data, one)
        seeded = recipe.model_copy(update={"seed": recipe.seed + one.seed})
        folder.mkdir(parents=True, exist_ok=True)
        trained = train_network(seeded, part, folder, threads=settings.threads, progress=progress)
        if trained is None:
            raise RecipeError("a learning curve trains in one process; start it without a launcher")
        assess_trained(trained, seeded, part, folder, settings=settings, progress=progress)
        return read_predictions(folder / "report" / "predictions.csv", data.manifest.positive)

    return measure


def _written(task: Task, data: Dataset, address: str, out: Path) -> LearningCurve:
    """Every finished point in the folder, those of earlier calls too, as tables, picture and page."""
    manifest = data.manifest
    points = list(finished_points(out).values())
    n_train, n = len(manifest.rows("train")), len(manifest.rows("test"))
    curve = learning_curve(points, n_train=n_train, n=n, positive=manifest.positive)
    model, method, notes = _words(task, data)
    context = Context(
        data=address,
        split="test",
        model=model,
        method=(*method, _draws_in_words(curve)),
        notes=(*notes, *_alike(curve)),
    )
    write_json(out / "learning-curve.json", {"data": address, "model": model, **curve.to_json()})
    write_curve(curve, out / "learning-curve.csv")
    save_png(curve_picture(curve), out / "learning-curve.png")
    write_curve_page(curve, context, out / "learning-curve.html")
    return curve


def _words(task: Task, data: Dataset) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The model's name, how it is trained, and what a reader must know, in sentences."""
    validation = len(data.manifest.rows("validation"))
    if isinstance(task, CrossvalRecipe):
        words, folds = CLASSIFIERS[task.classifier.model], task.crossval.inner_folds
        method = f"What is tuned is chosen on inner folds of each draw: {folds}, or fewer where it has too few images."
        return f"{words[0].upper()}{words[1:]} on {words_of(task.features)}", (method,), ()
    steps = (
        f"Every draw is trained for the recipe's {task.training.epochs} epochs, so a smaller one also gets fewer"
        " steps: the left of the curve may be better with more epochs."
    )
    method = (
        "Each point is a run of its own; temperature and threshold are fitted to all "
        f"{plural(validation, 'validation image')},"
        " as the best epoch is chosen on them where the recipe says so."
    )
    return task.name or task.model.architecture, (method,), (steps,)


def _draws_in_words(curve: LearningCurve) -> str:
    how = "whole slides or patients until the fraction is reached" if curve.by_group else "the same share of each class"
    return (
        f"A draw takes {how}; for one seed a smaller draw is part of a larger one. Validation and test images are the"
        " same at every point."
    )


def _alike(curve: LearningCurve) -> tuple[str, ...]:
    """Whole slides are coarse: two fractions can come to the same ones."""
    sizes = [sorted((point.seed, point.n) for point in curve.points if point.fraction == step.fraction)
             for step in curve.steps]  # fmt: skip
    pairs = [
        f"{first.fraction:g} and {second.fraction:g}"
        for first, second, one, other in zip(curve.steps, curve.steps[1:], sizes, sizes[1:], strict=False)
        if one == other
    ]
    return (f"Of whole slides, the fractions {' and '.join(pairs)} come to the same images.",) if pairs else ()
