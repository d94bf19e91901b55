"""Baselines beside bundles: what is fitted on what, what is measured on what, and what is refused."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers import layouts
from sentinode.core.errors import DataError, EvaluationError, LeakError, RecipeError, StorageError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.core.stain_statistics import stain_statistics
from sentinode.data.colour_baseline import COLOUR_COLUMNS, colour_baseline
from sentinode.data.dataset import load_dataset
from sentinode.metrics.comparison import compare
from sentinode.metrics.predictions_csv import read_predictions
from sentinode.studies.baselines import candidates as measured
from sentinode.studies.baselines.baseline_study import BaselinesResult, compare_with_baselines
from sentinode.studies.train_study import train
from sentinode.training.recipe import Recipe, load_data_config

Made = tuple[BaselinesResult, dict[str, Recipe], Settings]
NAMES = [f"{model} · {kind}" for kind in ("pixels", "colour", "texture") for model in ("Logistic", "Forest")]


@pytest.fixture(scope="module")
def shared_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache=tmp_path_factory.mktemp("cache"), threads=1)


@pytest.fixture(scope="module")
def few_trees() -> "pytest.MonkeyPatch":  # type: ignore[misc]
    """Forests of a few trees: their number is not what is tested."""
    patched = pytest.MonkeyPatch()
    original = measured.ClassicalConfig.model_validate

    def small(values: dict[str, object]) -> object:
        fixed = {"parameters": {"n_estimators": 5}} if values["model"] == "forest" else {}
        return original({**values, **fixed})

    patched.setattr(measured.ClassicalConfig, "model_validate", small)
    yield patched
    patched.undo()


@pytest.fixture(scope="module")
def run(
    small_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory, shared_settings: Settings
) -> Path:
    """A trained run, whose bundle knows the train and the validation patches."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    train(small_recipe(training={"epochs": 1}), out=folder, settings=shared_settings)
    return folder


@pytest.fixture(scope="module")
def result(
    run: Path, patches: Path, tmp_path_factory: pytest.TempPathFactory, shared_settings: Settings, few_trees: object
) -> BaselinesResult:
    return compare_with_baselines(
        f"folder:{patches}",
        tmp_path_factory.mktemp("out") / "beaten",
        bundles=[str(run / "bundle")],
        probe="cnn3",
        sample=60,
        overrides=["features.model.weights=none"],
        settings=shared_settings,
        progress=Progress(),
    )


def test_every_baseline_and_the_bundle_are_measured_on_all_test_images(result, run):
    table = result.table
    assert {row.name for row in table.baselines} == {*NAMES, "Colour baseline", "Linear probe · cnn3"}
    assert [row.name for row in table.bundles] == [str(run / "bundle")]
    assert (table.n, table.counts) == (60, {"normal": 30, "tumour": 30})
    assert all(metric.n == 60 for row in table.rows for metric in row.metrics.values())
    for row in table.baselines:
        assert row.cost.training_seconds > 0
    assert all(row.cost.seconds_per_thousand > 0 for row in table.rows)
    assert table.bundles[0].cost.training_seconds == pytest.approx(
        sum(
            float(line["seconds_with_validation"]) for line in csv.DictReader((run / "timings.csv").read_text().split())
        )
    )


def test_the_strongest_baseline_is_that_of_validation(result):
    best = max(result.table.baselines, key=lambda row: row.validation_auc)
    assert result.table.strongest == best.name


def test_the_bundle_answers_as_in_its_own_report(result, run):
    own = read_predictions(run / "report" / "predictions.csv", "tumour")
    decided = own.probabilities.argmax(axis=1)
    row = result.table.bundles[0]
    assert row.metrics["accuracy"].value == pytest.approx((decided == own.labels).mean())
    against_itself = compare([("a", own, 0.5), ("b", own, 0.5)])[0]
    assert row.metrics["auc"].value == pytest.approx(against_itself.metrics_a["auc"].value)


def test_sampling_is_never_silent(result):
    stored = json.loads((result.folder / "baselines.json").read_text(encoding="utf-8"))
    assert stored["used_images"] == {"train": 60, "validation": 60}
    (note,) = stored["notes"]
    assert "60 of the 120 train images" in note
    assert note in result.summary()
    assert note in (result.folder / "baselines.html").read_text(encoding="utf-8")


def test_the_folder_has_page_table_picture_and_json(result):
    assert {path.name for path in result.folder.iterdir()} == {
        f"baselines.{end}" for end in ("html", "json", "csv", "png")
    }
    rows = list(csv.DictReader((result.folder / "baselines.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["model"] for row in rows] == [row.name for row in result.table.rows]
    assert "C = " in next(row["about"] for row in rows if row["model"] == "Logistic · colour")


def test_only_training_images_are_learned_from_and_colour_is_that_of_the_inspection(
    patches, shared_settings, few_trees, monkeypatch, tmp_path
):
    address, learned, original = f"folder:{patches}", [], measured.fit_model

    def watched(config, train, folds, **options):
        learned.append(set(train.splits))
        assert all(index.min() >= 0 and index.max() < len(train) for fold in folds for index in fold)
        return original(config, train, folds, **options)

    monkeypatch.setattr(measured, "fit_model", watched)
    options = {"probe": "none", "sample": 0, "settings": shared_settings, "progress": Progress()}
    table = compare_with_baselines(address, tmp_path / "out", **options).table
    assert learned == [{"train"}] * 6
    data = load_dataset(load_data_config(address), cache=shared_settings.cache, progress=Progress())
    order = ("train", "test")
    values = np.concatenate([stain_statistics(data.images(split)[:])[:, : len(COLOUR_COLUMNS)] for split in order])
    labels = np.concatenate([data.manifest.labels(split) for split in order])
    expected = colour_baseline(values, labels, np.arange(120), np.arange(120, 180), None)
    assert table.row("Colour baseline").metrics["auc"].value == pytest.approx(expected.auc)


def test_many_classes_without_a_backbone(shared_settings, few_trees, tmp_path):
    file = layouts.make_medmnist(tmp_path / "pathmnist.npz", n=54, classes=9, size=(28, 28))
    result = compare_with_baselines(f"medmnist:{file}", tmp_path / "out", settings=shared_settings, progress=Progress())
    (note,) = result.notes
    assert "96×96 px, not 28×28" in note
    assert (result.table.n, len(result.table.counts), result.table.positive) == (54, 9, None)
    # The images are the redder the higher the number of the class: colour tells more than guessing does.
    assert result.table.row("Logistic · colour").metrics["auc"].value > 0.7
    assert "Macro AUC" in (result.folder / "baselines.html").read_text(encoding="utf-8")


def _refused(
    error: type[Exception], match: str, address: str, settings: Settings, out: Path, **options: object
) -> None:
    before = sorted(out.rglob("*")) if out.exists() else None
    with pytest.raises(error, match=match):
        compare_with_baselines(address, out, settings=settings, progress=Progress(), **options)
    assert (sorted(out.rglob("*")) if out.exists() else None) == before


def test_a_backbone_or_bundle_that_knows_the_images_is_refused(run, patches, shared_settings, tmp_path):
    own, set_on = str(run / "bundle"), "set its threshold and temperature on"
    address, out = f"folder:{patches}", tmp_path / "out"
    known = f"has learned from 120 of these images .* and {set_on} 60 .*--probe"
    _refused(LeakError, known, address, shared_settings, out, probe=own)
    weights = [f"features.model.weights=bundle:{own}"]
    _refused(LeakError, "has learned from 120", address, shared_settings, out, probe="cnn3", overrides=weights)
    swapped = ["data.split.test=validation", "data.split.validation=test"]
    everything = f"has {set_on} all 60 of these"
    _refused(LeakError, everything, address, shared_settings, out, bundles=[own], overrides=swapped)
    swapped.append("data.on_leak=drop")
    _refused(LeakError, "nothing is left", address, shared_settings, out, bundles=[own], overrides=swapped)


def test_what_does_not_fit_is_refused(run, patches, shared_settings, tmp_path):
    out, own = tmp_path / "out", [str(run / "bundle")]
    splitless = layouts.make_folder(tmp_path / "plain", n=9, splits=(), size=(24, 24))
    fractions = ["data.split.fractions=[0.5,0.5,0.0]"]
    _refused(DataError, "no test images", f"folder:{splitless}", shared_settings, out, overrides=fractions)
    single = layouts.make_folder(tmp_path / "one", classes=["normal"], size=(24, 24))
    _refused(DataError, "one class only", f"folder:{single}", shared_settings, out)
    other = layouts.make_folder(tmp_path / "other", classes=["fat", "tumour"], size=(24, 24))
    _refused(EvaluationError, "tells normal, tumour apart, the data has fat", f"folder:{other}", shared_settings, out,
             bundles=own)  # fmt: skip
    large = layouts.make_folder(tmp_path / "large", size=(32, 32))
    _refused(DataError, "takes tiles of 24×24 px, the images are 32×32", f"folder:{large}", shared_settings, out,
             bundles=own)  # fmt: skip
    few = layouts.make_folder(tmp_path / "few", n=1, size=(24, 24))
    _refused(EvaluationError, "train leaves 1 image of class normal", f"folder:{few}", shared_settings, out)
    address = f"folder:{patches}"
    _refused(RecipeError, "only data", address, shared_settings, out, overrides=["features.model.weights=none"])
    _refused(DataError, "'nonsense', which the source does not have", address, shared_settings, out, split="nonsense")
    out.mkdir()
    (out / "mine.txt").touch()
    _refused(StorageError, "holds something else", address, shared_settings, out)
