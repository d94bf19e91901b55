"""Each baseline and each bundle, measured on the same images: what goes into the table."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.core.stain_statistics import stain_statistics
from sentinode.data.colour_baseline import COLOUR_COLUMNS, colour_model
from sentinode.data.dataset import Dataset
from sentinode.data.source_splits import SPLITS
from sentinode.metrics.measures.multiclass import macro_auc
from sentinode.metrics.model_table import Candidate, Cost
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.extractor import Extractor
from sentinode.studies.baselines.baseline_models import (
    CLASSIFIERS,
    DESCRIPTORS,
    FittedModel,
    fit_model,
    inner_folds,
    words_of,
)
from sentinode.studies.evaluation import score
from sentinode.training.calibration_fit import predictions_of
from sentinode.training.classical.classifier_config import ClassicalConfig
from sentinode.training.features.descriptors import DESCRIPTORS as DESCRIBE
from sentinode.training.features.extraction import extract
from sentinode.training.features.feature_config import FeaturesConfig
from sentinode.training.features.feature_table import FeatureTable

COLOUR_BASELINE = "Colour baseline"
MODELS = ("logistic", "forest")
"""What is fitted on every descriptor; on a frozen network logistic regression alone: a linear probe."""

INNER_FOLDS = 3
"""On which each baseline is tuned: more would take longer and change little."""

_SHORT = {"logistic": "Logistic", "forest": "Forest"}
_WARM, _TIMED = 8, 256  # images before the clock starts, and while it runs

Probabilities = NDArray[np.float64]
TileClassifier = Callable[[NDArray[np.uint8]], object]


@dataclass(frozen=True)
class Bench:
    """What every baseline is made with."""

    data: Dataset
    """Training and validation images as far as they are used, and all test images."""

    seed: int
    settings: Settings
    progress: Progress


def descriptor_candidates(bench: Bench) -> list[Candidate]:
    """Logistic regression and random forest on pixels, colour and texture, and the colour baseline."""
    found = []
    for kind, words in DESCRIPTORS.items():
        config = FeaturesConfig.model_validate({"kind": kind})
        table = extract(config, bench.data, settings=bench.settings, progress=bench.progress)
        for model in MODELS:
            fitted = _fit(bench, table, model)
            about = f"{CLASSIFIERS[model]} on {plural(len(table.columns), 'value')} of {words}"

            def answer(tiles: NDArray[np.uint8], kind: str = kind, fitted: FittedModel = fitted) -> Probabilities:
                return fitted.probabilities(DESCRIBE[kind](tiles))

            found.append(_candidate(bench, f"{_SHORT[model]} · {kind}", about, table, fitted, answer))
        if kind == "colour":
            found.append(_colour_baseline(bench, table))
    return found


def probe_candidate(bench: Bench, config: FeaturesConfig, extractor: Extractor) -> Candidate:
    """Logistic regression on a frozen network.

    Args:
        bench: The data.
        config: Which network.
        extractor: The same, opened.
    """
    table = extract(config, bench.data, settings=bench.settings, progress=bench.progress)
    fitted = _fit(bench, table, "logistic")
    short = Path(words_of(config)).name
    origin = f"bundle {config.bundle}" if config.bundle else table.space.name
    about = f"{CLASSIFIERS['logistic']} on {plural(len(table.columns), 'feature')} of the frozen network of {origin}"
    return _candidate(
        bench,
        f"Linear probe · {short}",
        about,
        table,
        fitted,
        lambda tiles: fitted.probabilities(extractor.embed(tiles).embedding),
    )


def bundle_candidate(bench: Bench, bundle: Bundle, address: str, engine: str) -> Candidate:
    """A bundle as it is."""
    scored = score(bundle, bench.data, "test", address, engine, bench.settings, bench.progress)
    runner = open_engine(bundle, engine, threads=bench.settings.threads)
    cost = Cost(_training_seconds(bundle), _seconds_per_thousand(bench, runner.predict))
    info = bundle.info
    about = f"bundle {info.name}: {info.model.architecture} at {info.input.input_size} px"
    if info.model.test_time != "none":
        about += f", averaged over {info.model.test_time.upper()} at test time"
    return Candidate(bundle.name, "bundle", f"{about}, engine {runner.name}", scored.predictions, None, cost)


def _fit(bench: Bench, table: FeatureTable, model: str) -> FittedModel:
    manifest = bench.data.manifest
    folds = inner_folds(manifest, np.arange(len(manifest.rows("train"))), INNER_FOLDS, bench.seed)
    config = ClassicalConfig.model_validate({"model": model})
    with bench.progress.bar(f"{CLASSIFIERS[model]} on {table.space.kind}", 1, "models") as advance:
        fitted = fit_model(config, table.of("train"), folds, seed=bench.seed, jobs=bench.settings.threads)
        advance()
    return fitted


def _candidate(
    bench: Bench, name: str, about: str, table: FeatureTable, fitted: FittedModel, classify: TileClassifier
) -> Candidate:
    validation, test = (fitted.probabilities(table.of(split).values) for split in ("validation", "test"))
    chosen = fitted.chosen()
    return Candidate(
        name,
        "baseline",
        f"{about}; {chosen}" if chosen else about,
        predictions_of(bench.data.manifest, "test", test),
        _validation_auc(bench, validation),
        Cost(fitted.seconds, _seconds_per_thousand(bench, classify)),
    )


def _colour_baseline(bench: Bench, table: FeatureTable) -> Candidate:
    """What `data inspect` shows: logistic regression on mean and spread of the colours, nothing tuned."""
    places = [table.columns.index(name) for name in COLOUR_COLUMNS]
    train, validation, test = (np.take(table.of(split).values, places, axis=1) for split in SPLITS)
    began = time.perf_counter()
    model = colour_model().fit(train, table.of("train").labels)
    seconds = time.perf_counter() - began

    def answer(tiles: NDArray[np.uint8]) -> object:
        return model.predict_proba(stain_statistics(tiles)[:, : len(places)])

    return Candidate(
        COLOUR_BASELINE,
        "baseline",
        "logistic regression on mean and standard deviation of red, green and blue; nothing tuned",
        predictions_of(bench.data.manifest, "test", model.predict_proba(test)),
        _validation_auc(bench, model.predict_proba(validation)),
        Cost(seconds, _seconds_per_thousand(bench, answer)),
    )


def _validation_auc(bench: Bench, probabilities: NDArray[np.floating]) -> float | None:
    value = macro_auc(bench.data.manifest.labels("validation"), probabilities)
    return None if np.isnan(value) else value


def _seconds_per_thousand(bench: Bench, classify: TileClassifier) -> float:
    """By the clock, over the first test images, from pixels to probabilities."""
    tiles = bench.data.images("test")[:_TIMED]
    classify(tiles[:_WARM])  # what is compiled or read at the first call is not what an image costs
    began = time.perf_counter()
    classify(tiles)
    return 1000 * (time.perf_counter() - began) / len(tiles)


def _training_seconds(bundle: Bundle) -> float | None:
    """The epochs of the run that a bundle lies in; None where it lies elsewhere."""
    path = bundle.folder.parent / "timings.csv"
    if not path.is_file():
        return None
    return float(pd.read_csv(path)["seconds_with_validation"].sum())
