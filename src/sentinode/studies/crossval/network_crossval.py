"""A training recipe cross-validated: trained anew for every outer fold, and ending in an ensemble of the folds."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sentinode.core.files import storage_errors, write_json, write_text
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.crossval.permutation import permute_finished
from sentinode.metrics.crossval.summary import CrossValidation
from sentinode.metrics.predictions_csv import read_predictions
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_writer import amend
from sentinode.studies.crossval.crossval_recipe import DeepCrossvalRecipe
from sentinode.studies.crossval.crossval_results import (
    CrossvalResult,
    alone_in,
    conclude,
    headline,
    lay_out,
    summarised,
)
from sentinode.studies.crossval.folds import Fold, Samples, inner_parts
from sentinode.studies.crossval.nested_crossval import Tested, collected
from sentinode.studies.ensemble_data import OutOfFold
from sentinode.studies.ensemble_study import write_ensemble
from sentinode.studies.train_study import assess_trained
from sentinode.training.calibration_fit import check_evaluation
from sentinode.training.network_bundle import train_network

_DONE = "fold.json"
_TINY = 1e-30


def run_deep(
    recipe: DeepCrossvalRecipe,
    data: Dataset,
    samples: Samples,
    folds: Sequence[Fold],
    out: Path,
    *,
    settings: Settings,
    progress: Progress,
) -> CrossvalResult | None:
    """Train each fold that is not finished yet, then report and average them.

    The validation split of a fold, on which the epoch, the temperature and the threshold are chosen, is the first of
    the inner folds of its training part; its test split is the fold.

    Args:
        recipe: What each fold is trained by.
        data: The images that take part.
        samples: The same, as plans see them.
        folds: The plan.
        out: The folder; gets `folds/REPEAT-FOLD/`, each a run folder without checkpoints once it is finished.
        settings: The machine's.
        progress: Where to show how far it is.

    Returns:
        The result; None in every process but the first when several devices train.

    Raises:
        SentinodeError: A training can't go on; folds that are finished are kept.
    """
    parts = [_with_splits(data, samples, fold, recipe) for fold in folds]
    for part in parts:
        check_evaluation(recipe.evaluation, part.manifest)
    lay_out(out, recipe, data)
    with alone_in(out), storage_errors(out):
        tested = []
        with progress.bar("folds", len(folds), "folds") as advance:
            for fold, part in zip(folds, parts, strict=True):
                folder = out / "folds" / f"{fold.repeat + 1:02d}-{fold.number + 1:02d}"
                if not _train(recipe, part, folder, settings, progress):
                    return None  # one of several processes that trained together: the first one goes on alone
                tested.append(_read(fold, part, samples, folder))
                advance()
        answers = collected(samples, tested)
        times = recipe.crossval.permutations
        test = permute_finished(answers, times, recipe.seed) if times else None
        summary = summarised(recipe, data, samples, answers, test)
        _write_ensemble(recipe, data, answers, tested, summary, out, settings, progress)
        model = f"{recipe.name or recipe.model.architecture}, trained anew in each fold"
        return conclude(out, recipe, data, summary, answers, tested, model=model, procedure=_procedure(recipe))


def _with_splits(data: Dataset, samples: Samples, fold: Fold, recipe: DeepCrossvalRecipe) -> Dataset:
    """The data with the split of each image in a fold."""
    _, validation = inner_parts(samples, fold.train, recipe.crossval.inner_folds, recipe.seed)[0]
    splits = np.full(len(samples.labels), "train", dtype=object)
    splits[fold.test], splits[fold.train[validation]] = "test", "validation"
    return replace(data, manifest=replace(data.manifest, table=data.manifest.table.assign(split=splits)))


def _train(recipe: DeepCrossvalRecipe, data: Dataset, folder: Path, settings: Settings, progress: Progress) -> bool:
    """Train one fold, or go on with it; nothing when it is finished. False in a process that only helped to train."""
    if (folder / _DONE).is_file() and _split_of(folder) == data.manifest.split_hash:
        return True
    folder.mkdir(parents=True, exist_ok=True)
    training = recipe.of_training()
    write_text(folder / "recipe.toml", training.to_toml())
    data.manifest.save(folder / "split.parquet")
    trained = train_network(training, data, folder, threads=settings.threads, progress=progress)
    if trained is None:
        return False
    assess_trained(trained, training, data, folder, settings=settings, progress=progress)
    write_json(folder / _DONE, {"status": "finished", "split_sha256": data.manifest.split_hash})
    # What goes on from here is the bundle; the checkpoints of all folds would fill a disk.
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return True


def _split_of(folder: Path) -> str:
    return str(json.loads((folder / _DONE).read_text(encoding="utf-8"))["split_sha256"])


def _read(fold: Fold, data: Dataset, samples: Samples, folder: Path) -> Tested:
    """A finished fold's answers to its test images, in the plan's order."""
    predictions = read_predictions(folder / "report" / "predictions.csv", samples.positive)
    row = {sample: place for place, sample in enumerate(predictions.ids)}
    order = [row[samples.ids[place]] for place in fold.test]
    columns = [predictions.class_names.index(name) for name in samples.class_names]
    info = open_bundle(folder / "bundle").info
    counts = {split: len(data.manifest.rows(split)) for split in ("train", "validation")}
    return Tested(
        fold,
        predictions.probabilities[order][:, columns],
        None if info.threshold is None else info.threshold.value,
        info.temperature,
        {"trained_on": counts["train"], "validated_on": counts["validation"], "temperature": info.temperature},
    )


def _write_ensemble(
    recipe: DeepCrossvalRecipe,
    data: Dataset,
    answers: FoldAnswers,
    tested: Sequence[Tested],
    summary: CrossValidation,
    out: Path,
    settings: Settings,
    progress: Progress,
) -> Bundle:
    """The models of the first repeat as one bundle; its threshold comes from what each said of its own fold."""
    members = [
        open_bundle(out / "folds" / f"{one.fold.repeat + 1:02d}-{one.fold.number + 1:02d}" / "bundle")
        for one in tested
        if one.fold.repeat == 0
    ]
    table = data.manifest.table.assign(split="validation")
    held_out = OutOfFold(
        replace(data, manifest=replace(data.manifest, table=table)),
        np.log(np.maximum(answers.probabilities[0], _TINY)).astype(np.float32),
        data.manifest.hash,
    )
    bundle = write_ensemble(
        members,
        out / "bundle",
        address=recipe.data.source,
        out_of_fold=held_out,
        name=recipe.name or recipe.model.architecture,
        description=recipe.description,
        settings=settings,
        progress=progress,
    )
    return amend(bundle, metrics=headline(summary))


def _procedure(recipe: DeepCrossvalRecipe) -> list[str]:
    return [
        f"A network ({recipe.model.architecture}, weights {recipe.model.weights}) was trained on the training part of "
        f"each fold, less one of {recipe.crossval.inner_folds} inner folds.",
        "On that inner fold the epoch, the temperature and the operating threshold were chosen; the threshold's rule "
        f"is {recipe.evaluation.threshold}.",
        "The fold's own images were scored once, by the finished bundle.",
        "The final bundle averages the models of the first repeat. Its threshold comes from what each of them said of "
        "its own fold; the average itself was not measured, and should be a little better than the figures here.",
    ]
