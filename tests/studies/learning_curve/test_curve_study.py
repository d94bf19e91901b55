"""Learning curves: of classical models and of recipes, gone on with after a stop, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import layouts
from sentinode.core.errors import DataError, EvaluationError, LeakError, RecipeError, StorageError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.metrics.predictions_csv import read_predictions
from sentinode.studies.learning_curve.curve_draws import draws_of, parse_fractions, part_of
from sentinode.studies.learning_curve.curve_study import CurveResult, trace_curve
from sentinode.training import network_bundle
from sentinode.training.recipe import Recipe, load_data_config

FRACTIONS = (0.1, 0.5, 1.0)


@pytest.fixture(scope="module")
def shared_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache=tmp_path_factory.mktemp("cache"), threads=1)


@pytest.fixture
def trace(patches: Path, shared_settings: Settings) -> Callable[..., CurveResult]:
    def run(name: str, out: Path, **options: object) -> CurveResult:
        options = {"fractions": FRACTIONS, "seeds": 2} | options
        address = str(options.pop("address", f"folder:{patches}"))
        return trace_curve(name, address, out, settings=shared_settings, progress=Progress(), **options)  # type: ignore[arg-type]

    return run


def _state(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("point.json")}


def test_a_classical_curve_and_its_files(trace, tmp_path):
    result = trace("colour", tmp_path / "curve")
    assert result.trained == 6
    assert [(step.fraction, step.n, step.seeds) for step in result.curve.steps] == [
        (0.1, 12, 2),
        (0.5, 60, 2),
        (1.0, 120, 2),
    ]
    assert result.curve.points[0].counts == {"normal": 6, "tumour": 6}
    assert all(point.metrics["accuracy"].n == 60 for point in result.curve.points)
    made = {path.name for path in (tmp_path / "curve").iterdir()}
    assert made >= {"plan.json", "points", *(f"learning-curve.{end}" for end in ("html", "json", "csv", "png"))}
    stored = json.loads((tmp_path / "curve" / "learning-curve.json").read_text(encoding="utf-8"))
    assert stored["model"] == "Logistic regression on colour and stain"
    assert "Logistic regression on colour and stain" in (tmp_path / "curve" / "learning-curve.html").read_text()
    assert "trained   6" in result.summary()


def test_finished_points_are_not_repeated(trace, tmp_path):
    out = tmp_path / "curve"
    first = trace("colour", out, fractions=(0.1, 1.0))
    before = _state(out)
    assert trace("colour", out, fractions=(0.1, 1.0)).trained == 0
    (out / "points" / "fraction-0.1-seed-1" / "point.json").unlink()
    (out / "learning-curve.csv").unlink()
    again = trace("colour", out, fractions=(0.1, 1.0))
    assert again.trained == 1
    assert [point.metrics for point in again.curve.points] == [point.metrics for point in first.curve.points]
    more = trace("colour", out, fractions=(0.5,))
    assert (more.trained, len(more.curve.points)) == (2, 6)
    after = _state(out)
    assert sum(before[name] != after[name] for name in before) == 1


def test_another_curve_s_folder_is_left_alone(trace, tmp_path):
    out = tmp_path / "curve"
    trace("colour", out, fractions=(1.0,), seeds=1)
    for name, overrides in (("texture", []), ("colour", ["seed=3"]), ("colour", ["data.split.test=validation"])):
        with pytest.raises(StorageError, match="another model"):
            trace(name, out, overrides=overrides, fractions=(1.0,), seeds=1)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").touch()
    with pytest.raises(StorageError, match="holds something else"):
        trace("colour", other)
    assert [path.name for path in other.iterdir()] == ["mine.txt"]


def test_a_part_changes_training_images_alone(patches, shared_settings):
    data = load_dataset(load_data_config(f"folder:{patches}"), cache=shared_settings.cache, progress=Progress())
    for one in draws_of(data, (0.1, 0.4), 3):
        part = part_of(data, one)
        expected = np.array(data.manifest.ids("train"))[one.index]
        assert part.manifest.ids("train") == expected.tolist()
        assert (part.manifest.labels("train") == data.manifest.labels("train")[one.index]).all()
        for split in ("validation", "test"):
            assert part.manifest.ids(split) == data.manifest.ids(split)


def test_a_deep_curve_goes_on_where_it_was_stopped(trace, small_recipe, tmp_path, monkeypatch):
    recipe: Recipe = small_recipe(training={"epochs": 1})
    file = tmp_path / "small.toml"
    file.write_text(recipe.model_copy(update={"name": "small"}).to_toml(), encoding="utf-8")
    options = {"fractions": (0.2, 1.0), "seeds": 1}
    original, calls = network_bundle.fit, []

    def stopped_at_the_second(*arguments, **keywords):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments, **keywords)

    out = tmp_path / "curve"
    monkeypatch.setattr(network_bundle, "fit", stopped_at_the_second)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        trace(str(file), out, **options)
    monkeypatch.setattr(network_bundle, "fit", original)
    before = _state(out)
    result = trace(str(file), out, **options)
    assert (result.trained, [point.n for point in result.curve.points]) == (1, [24, 120])
    assert len(before) == 1
    assert before.items() < _state(out).items()
    point = out / "points" / "fraction-0.2-seed-0"
    assert len(read_predictions(point / "report" / "predictions.csv", "tumour")) == 60
    assert not (point / "checkpoints").exists()
    assert "fewer steps" in (out / "learning-curve.html").read_text()
    # What the recipe starts from must not know the images either.
    knowing = [f"model.weights=bundle:{point / 'bundle'}"]
    with pytest.raises(LeakError, match=r"learned from 24 .* on 60 .*choose other model\.weights"):
        trace(str(file), tmp_path / "other", overrides=knowing, **options)


def _grouped(folder: Path, slides: int) -> Path:
    """Six images a slide and class, in slides of their own for train, validation and test."""
    rng, rows = np.random.default_rng(0), []
    for slide in range(slides):
        for number in range(12):
            path = folder / f"{slide:02d}-{number:02d}.png"
            path.parent.mkdir(exist_ok=True)
            pixels = rng.normal(150 + 20 * (number % 2), 30, (24, 24, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path)
            split = ("train", "train", "validation", "test")[slide % 4]
            rows.append((path.name, ("normal", "tumour")[number % 2], f"slide {slide}", split))
    table = pd.DataFrame(rows, columns=["path", "label", "group", "split"])
    table.to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def test_whole_slides_are_drawn(trace, tmp_path):
    table = _grouped(tmp_path / "images", 16)
    result = trace("colour", tmp_path / "curve", address=f"csv:{table}", fractions=(0.15, 0.2, 0.5))
    assert {(point.n, point.groups) for point in result.curve.points} == {(24, 2), (48, 4)}
    html = (tmp_path / "curve" / "learning-curve.html").read_text(encoding="utf-8")
    assert "fractions 0.15 and 0.2 come to the same images" in html
    with pytest.raises(DataError, match="1 group of class normal"):
        trace("colour", tmp_path / "few", address=f"csv:{table}", fractions=(0.1,))
    assert not (tmp_path / "few").exists()


def test_many_classes(trace, tmp_path):
    file = layouts.make_medmnist(tmp_path / "pathmnist.npz", n=54, classes=9, size=(28, 28))
    result = trace("colour", tmp_path / "curve", address=f"medmnist:{file}", fractions=(0.5, 1.0), seeds=1)
    assert result.curve.positive is None
    assert result.curve.points[-1].metrics["auc"].value > 0.7
    assert "Macro AUC" in (tmp_path / "curve" / "learning-curve.html").read_text(encoding="utf-8")


def test_what_can_not_be_drawn_or_found_is_refused(trace, small_recipe, tmp_path):
    out = tmp_path / "curve"
    with pytest.raises(EvaluationError, match=r"fraction 0.01 \(seed 0\) .*1 image .*normal"):
        trace("colour", out, fractions=(0.01,))
    with pytest.raises(RecipeError, match=r"forest .*--set classifier\.model=forest"):
        trace("forest", out)
    with pytest.raises(RecipeError, match="is neither a recipe"):
        trace("no/such", out)
    splitless = layouts.make_folder(tmp_path / "plain", n=9, splits=(), size=(24, 24))
    with pytest.raises(DataError, match="no test images"):
        trace("colour", out, overrides=["data.split.fractions=[0.5,0.5,0.0]"], address=f"folder:{splitless}")
    file = tmp_path / "two.toml"
    file.write_text(small_recipe(training={"devices": 2}).to_toml(), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"training\.devices > 1"):
        trace(str(file), out)
    assert not out.exists()


@pytest.mark.parametrize("text", ["0", "1.5", "-0.1,1", "a", "", "0.1,,1", "0.1,0.1", "nan"])
def test_fractions_out_of_range_are_refused(text):
    with pytest.raises(RecipeError, match="--fractions"):
        parse_fractions(text)


def test_fractions_are_sorted():
    assert parse_fractions("1, 0.05,0.2") == (0.05, 0.2, 1.0)
