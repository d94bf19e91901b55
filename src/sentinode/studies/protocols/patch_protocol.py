"""Test sets of patches: every image of the published test part through a bundle, as papers count them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import LeakError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.core.stain_statistics import stain_statistics
from sentinode.data.colour_baseline import COLOUR_COLUMNS, colour_baseline
from sentinode.data.dataset import Dataset
from sentinode.data.selection import load_published
from sentinode.data.source import Source
from sentinode.metrics.measures.binary import binary_measures
from sentinode.metrics.measures.intervals import Resampling
from sentinode.metrics.measures.multiclass import multiclass_measures
from sentinode.metrics.predictions import LIKELIEST, Predictions
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.studies.bundle_recipe import recipe_of
from sentinode.studies.evaluation import report_on, score
from sentinode.studies.measured_split import MeasuredSplit
from sentinode.studies.protocols.protocol_result import OUT_FOLDER, Figures, ProtocolResult, wrong_layout
from sentinode.studies.protocols.published import TestSet
from sentinode.studies.seen_images import seen_images
from sentinode.training.recipe import load_data_config

_TWO = ("auc", "accuracy", "balanced_accuracy", "log_loss", "calibration_error")
_FROZEN = ("sensitivity", "specificity", "accuracy")
_MANY = ("accuracy", "balanced_accuracy", "auc", "f1", "log_loss")
_COLOUR_A_CLASS = 300
"""Training images of a class for the colour baseline: six numbers an image need no more."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PatchTest:
    """A test set of patches in its public layout."""

    test_set: TestSet
    open_test: Callable[[Path], Source | None]
    """The test part below a root; None where the layout is another one."""
    open_train: Callable[[Path], Source | None] | None = None
    """The training part, for the colour baseline; None where it is not there."""


def measure_patches(
    test: PatchTest,
    name: str | Path,
    root: str | Path,
    out: str | Path,
    *,
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> ProtocolResult:
    """Measure a bundle on a public test set of patches, as papers do.

    Two classes: AUC, accuracy and balanced accuracy at one half, log loss and calibration error; and what the bundle's
    own frozen threshold gives. More classes: accuracy and balanced accuracy of the likeliest class, the unweighted mean
    of one-versus-rest AUCs. Images that repeat another exactly are counted, as in papers; the figures without them
    stand beside.

    Args:
        test: The test set.
        name: A bundle's folder or a shipped name.
        root: The data set's folder, or file, in its public layout.
        out: Gets `protocol.json` and, in `report/`, the report of the test part.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        DataError: The layout is another one; the message says what was looked for and what was found. Or the model
            has other classes.
        LeakError: The bundle has learned from images of the test part, or set its threshold on them.
    """
    root, out, settings = Path(root), Path(out), settings or Settings.from_environment()
    bundle = open_bundle(name)
    OUT_FOLDER.check(out)
    source = test.open_test(root)
    if source is None:
        raise wrong_layout(test.test_set, root)
    config = load_data_config(source.address, (), recipe_of(bundle).data)
    known = {old: new for old, new in config.rename.items() if old in source.class_names}
    config, classes = config.model_copy(update={"rename": known}), bundle.info.classes
    data = load_published(source, config, classes.names, classes.positive, cache=settings.cache, progress=progress)
    _check_unseen(bundle, data, test.test_set)
    scored = score(bundle, data, "test", source.address, engine, settings, progress)
    measured = MeasuredSplit(data, "test", "test", f"the published test part of {test.test_set.name}", own=False)
    report_on(bundle, scored, out / "report", measured=measured)
    pixels = data.manifest.table["pixels"]
    figures, notes = _figures(scored.predictions, pixels.duplicated().to_numpy(), bundle)
    figures = {label: figure for label, figure in figures.items() if figure}
    colour = _colour(test, root, data, known)
    if isinstance(colour, Metric):
        figures["colour alone"] = {"auc": colour}
    elif colour:
        notes = (*notes, colour)
    pages = (out / "report" / "report.html",)
    return ProtocolResult(out, test.test_set, len(scored.predictions), figures, notes, pages).save()


def _check_unseen(bundle: Bundle, data: Dataset, test_set: TestSet) -> None:
    known = seen_images(bundle, data, data.manifest.table)
    if len(known):
        raise LeakError(
            f"{bundle.name} has {known}, so its figures on {test_set.title} would flatter it; give a bundle that was "
            "trained on the training part alone"
        )


def _figures(
    predictions: Predictions, repeated: NDArray[np.bool_], bundle: Bundle
) -> tuple[dict[str, Figures], tuple[str, ...]]:
    threshold = bundle.info.threshold
    names: dict[str, Figures] = {"all images": _as_papers(predictions)}
    if threshold is not None:
        names[f"at the bundle's threshold {threshold.value:.4f}"] = _picked(
            binary_measures(predictions, threshold.value, _resampling(predictions))[1], _FROZEN
        )
    if not repeated.any():
        return names, ("No image repeats another exactly.",)
    names["without exact duplicates"] = _as_papers(_part(predictions, ~repeated))
    return names, (f"{plural(int(repeated.sum()), 'image')} of {len(predictions):,} repeat another exactly.",)


def _as_papers(predictions: Predictions) -> Figures:
    """Two classes at one half, more at the likeliest."""
    resampling = _resampling(predictions)
    if predictions.binary:
        return _picked(binary_measures(predictions, LIKELIEST, resampling)[1], _TWO)
    return _picked(multiclass_measures(predictions, resampling).metrics, _MANY)


def _picked(metrics: Figures, names: Sequence[str]) -> Figures:
    return {name: metrics[name] for name in names if name in metrics}


def _resampling(predictions: Predictions) -> Resampling:
    return Resampling(predictions.labels, predictions.group_codes)


def _part(predictions: Predictions, kept: NDArray[np.bool_]) -> Predictions:
    def of(values: list[str]) -> list[str]:
        return [value for value, keep in zip(values, kept.tolist(), strict=True) if keep]

    return replace(
        predictions,
        ids=of(predictions.ids),
        paths=of(predictions.paths),
        labels=predictions.labels[kept],
        probabilities=predictions.probabilities[kept],
        groups=None if predictions.groups is None else of(predictions.groups),
    )


def _colour(test: PatchTest, root: Path, data: Dataset, rename: Mapping[str, str]) -> Metric | str:
    """AUC of mean and deviation of colour alone, fitted on some training images; or in words why there is none."""
    source = None if test.open_train is None else test.open_train(root)
    if source is None:
        return "" if test.open_train is None else "No training part is there, so there is no colour baseline."
    names, manifest = data.manifest.class_names, data.manifest
    table = [(number, rename.get(one.label or "", one.label)) for number, one in enumerate(source.records)]
    rng = np.random.default_rng(0)
    chosen = sorted(
        number
        for name in names
        for number in rng.permutation([row for row, label in table if label == name])[:_COLOUR_A_CLASS].tolist()
    )
    if not chosen:
        return "No colour baseline: the training part has no image."
    train = np.concatenate([stain_statistics(source.read(number)[None]) for number in chosen])
    tested = stain_statistics(data.images("test")[:])
    labels = [names.index(table[number][1] or "") for number in chosen] + manifest.labels("test").tolist()
    places = np.arange(len(labels), dtype=np.intp)
    found = colour_baseline(
        np.concatenate([train, tested])[:, : len(COLOUR_COLUMNS)],
        np.array(labels, np.intp), places[: len(chosen)], places[len(chosen) :], None,
    )  # fmt: skip
    if isinstance(found, str):
        return f"No colour baseline: {found}."
    return Metric(found.auc, found.low, found.high, found.method, found.n)
