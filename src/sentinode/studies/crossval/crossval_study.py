"""`sentinode crossval`: from a recipe and data to a report and a final model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import EvaluationError, RecipeError
from sentinode.core.files import storage_errors
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.metrics.crossval.summary import CrossValidation
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.pretrained_bundle import PretrainedBundle, open_weights
from sentinode.studies.crossval.crossval_data import check_rule, load_images, samples_of, uncut
from sentinode.studies.crossval.crossval_recipe import (
    AnyCrossvalRecipe,
    CrossvalRecipe,
    DeepCrossvalRecipe,
    load_crossval_recipe,
)
from sentinode.studies.crossval.crossval_results import (
    CrossvalResult,
    alone_in,
    conclude,
    finished,
    headline,
    lay_out,
    summarised,
)
from sentinode.studies.crossval.folds import Fold, Samples, inner_parts, plan_folds
from sentinode.studies.crossval.nested_crossval import Procedure, collected, cross_validate, permute
from sentinode.studies.measured_split import unseen
from sentinode.training.classical.classical_bundle import calibrate_out_of_fold, write_classical_bundle
from sentinode.training.classical.grid_search import fit_tuned
from sentinode.training.features.extraction import extract, open_for
from sentinode.training.features.feature_table import FeatureTable


def crossval(
    recipe: str | Path,
    out: str | Path,
    *,
    data: str | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    overrides: Sequence[str] = (),
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> CrossvalResult | None:
    """Load a recipe and cross-validate it.

    `sentinode.crossval` says what each argument is, and `run_crossval` what is done.

    Raises:
        RecipeError: There is no such recipe, or a key or value is wrong.
        SentinodeError: As for `run_crossval`.
    """
    plan = [f"crossval.{key}={value}" for key, value in (("folds", folds), ("repeats", repeats)) if value is not None]
    loaded = load_crossval_recipe(str(recipe), source=data, overrides=[*plan, *overrides])
    settings = settings or Settings.from_environment()
    return run_crossval(loaded, Path(out), engine=engine, settings=settings, progress=progress)


def run_crossval(
    recipe: AnyCrossvalRecipe, out: Path, *, engine: str = "auto", settings: Settings, progress: Progress
) -> CrossvalResult | None:
    """Cross-validate, write the report, and refit the final model on all images.

    Stopped at any moment, the same call goes on: features and finished folds of a deep recipe are kept.

    Args:
        recipe: What is validated, and how.
        out: Folder for `recipe.toml`, `split.parquet`, `report/` and `bundle/`; for a deep recipe `folds/` too.
        engine: For the features: `auto`, `openvino` or `torch`.
        settings: The machine's.
        progress: Where to show how far it is.

    Returns:
        The result; None in every process but the first when several devices train a fold together.

    Raises:
        TrainingError: `out` holds something else.
        DataError, RecipeError: The images can't be dealt into these folds.
        EvaluationError: The threshold's rule can't be met in a training part.
    """
    recipe = recipe.model_copy(update={"data": uncut(recipe.data)})
    if (done := finished(out, recipe)) is not None:
        return done
    data = load_images(recipe.data, recipe.crossval, settings=settings, progress=progress)
    data = _without_seen(recipe, data)
    samples = samples_of(data)
    folds = plan_folds(samples, recipe.crossval, recipe.seed)
    try:
        check_rule(samples, folds, recipe.evaluation.threshold)
    except EvaluationError as error:
        rule = recipe.evaluation.threshold
        raise RecipeError(f"evaluation of the recipe: evaluation.threshold = {rule!r}: {error}") from error
    try:
        if isinstance(recipe, DeepCrossvalRecipe):
            from sentinode.studies.crossval.network_crossval import run_deep

            return run_deep(recipe, data, samples, folds, out, settings=settings, progress=progress)
        table = extract(recipe.features, data, settings=settings, progress=progress, engine=engine)
        lay_out(out, recipe, data)
        with alone_in(out), storage_errors(out):
            return _run_classical(recipe, data, samples, folds, table, out, engine, settings, progress)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("the same command goes on where it was") from error


def _run_classical(
    recipe: CrossvalRecipe,
    data: Dataset,
    samples: Samples,
    folds: tuple[Fold, ...],
    table: FeatureTable,
    out: Path,
    engine: str,
    settings: Settings,
    progress: Progress,
) -> CrossvalResult:
    procedure = Procedure(recipe.classifier, recipe.crossval, recipe.evaluation.threshold, recipe.seed)
    jobs = settings.threads
    tested = cross_validate(procedure, samples, table.values, folds, jobs=jobs, progress=progress)
    test = permute(procedure, samples, table.values, jobs=jobs, progress=progress)
    answers = collected(samples, tested)
    summary = summarised(recipe, data, samples, answers, test)
    if table.space.kind == "network":
        _write_final(recipe, data, samples, table, summary, out / "bundle", engine, settings)
    model = f"{recipe.classifier.model} on {table.space.name}"
    words = _procedure(recipe, table)
    return conclude(out, recipe, data, summary, answers, tested, model=model, procedure=words)


def _write_final(
    recipe: CrossvalRecipe,
    data: Dataset,
    samples: Samples,
    table: FeatureTable,
    summary: CrossValidation,
    folder: Path,
    engine: str,
    settings: Settings,
) -> None:
    """The same procedure once more, on all images; its card has the cross-validated figures."""
    everything = data.manifest.labels("train")
    places = inner_parts(samples, _all(samples), recipe.crossval.inner_folds, recipe.seed)
    tuned = fit_tuned(recipe.classifier, table.values, everything, folds=places, seed=recipe.seed)
    write_classical_bundle(
        folder,
        open_for(recipe.features, table.space.tile_size, settings=settings, engine=engine),
        tuned,
        calibrate_out_of_fold(tuned, table, data, recipe.evaluation, recipe.seed),
        table,
        data,
        name=recipe.name or "model",
        description=recipe.description,
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        metrics=headline(summary),
    )


def _without_seen(recipe: AnyCrossvalRecipe, data: Dataset) -> Dataset:
    """`data` without images that the frozen network has learned from: no fold could hide those.

    Raises:
        LeakError: There are some, and `data.on_leak` is "error".
    """
    for bundle in _bundles_behind(recipe):
        data = unseen(bundle, data, "train", on_leak=recipe.data.on_leak)
    return data


def _bundles_behind(recipe: AnyCrossvalRecipe) -> list[Bundle | PretrainedBundle]:
    model = recipe.features.model if isinstance(recipe, CrossvalRecipe) else recipe.model
    named = isinstance(recipe, CrossvalRecipe) and recipe.features.bundle
    found = open_weights(model.weights) if model is not None else None
    return [*([open_bundle(named)] if named else []), *([found] if found else [])]


def _procedure(recipe: CrossvalRecipe, table: FeatureTable) -> list[str]:
    classifier, config = recipe.classifier, recipe.crossval
    steps = ["scaling to mean 0 and standard deviation 1", f"the {classifier.model} model"]
    if any(classifier.selections):
        steps.insert(1, "selection of features")
    tuned = "with the usual grid of its hyperparameters" if classifier.grid is None else f"with {classifier.grid}"
    return [
        f"Features: {plural(table.values.shape[1], 'number')} an image from {table.space.name}, which "
        "learned nothing here.",
        f"Fitted on the training part of each fold: {', '.join(steps)}.",
        f"Hyperparameters were chosen {tuned} on up to {config.inner_folds} inner folds of the training part.",
        "Temperature and operating threshold were fitted to what the inner folds answered; the threshold's rule is "
        f"{recipe.evaluation.threshold}.",
        "The fold's own images were scored once, by the model fitted on its whole training part.",
        "The final model was made by the same steps from all images.",
    ]


def _all(samples: Samples) -> NDArray[np.int64]:
    return np.arange(len(samples.labels), dtype=np.int64)
