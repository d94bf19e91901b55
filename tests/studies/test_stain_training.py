"""A recipe that normalises stain: the bundle carries it, evaluating and predicting follow it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.stained_patches import stained
from sentinode.core.errors import RecipeError
from sentinode.core.settings import Settings
from sentinode.metrics.predictions_csv import read_predictions
from sentinode.models.bundle import open_bundle
from sentinode.studies.evaluation import evaluate_bundle
from sentinode.studies.prediction_study import predict
from sentinode.studies.train_study import train
from sentinode.training.network_fit import fit
from sentinode.training.recipe import Recipe, parse_recipe

_COUNTS = {"train": 24, "valid": 10, "test": 10}
_SIDE = 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of two laboratories' stains; of class 1 the nuclei are denser."""
    root, seed = tmp_path_factory.mktemp("stained"), 0
    for split, count in _COUNTS.items():
        for label in range(2):
            place = root / split / str(label)
            place.mkdir(parents=True)
            for number in range(count):
                seed += 1
                amounts = (1.6 + 0.5 * label, 1.1)
                other = ((0.52, 0.74, 0.43), (0.12, 0.86, 0.50)) if number % 2 else ()
                Image.fromarray(stained(seed, *other, amounts=amounts, side=_SIDE)).save(place / f"{number}.png")
    white = np.random.default_rng(0).integers(236, 246, (_SIDE, _SIDE, 3), dtype=np.uint8)
    Image.fromarray(white).save(root / "test" / "0" / "white.png")
    return root


def _recipe(folder: Path, method: str, **training: object) -> Recipe:
    values = {
        "data": {"source": f"folder:{folder}", "positive": "1"},
        "model": {"architecture": "cnn3"},
        "stain": {"normalise": method},
        "training": {"epochs": 2, "batch_size": 16, "learning_rate": 3e-3, **training},
    }
    return parse_recipe(values, "stained")


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
def test_one_bundle_answers_alike_on_every_road(folder: Path, method: str, tmp_path: Path, settings: Settings) -> None:
    run = train(_recipe(folder, method), out=tmp_path / "run", settings=settings)
    assert run is not None
    bundle = open_bundle(run.bundle)
    assert bundle.info.input.stain is not None
    assert bundle.info.input.stain.method == method
    assert f"Stain was normalised ({method}); 0 images stayed" in bundle.info.provenance.trained_on
    assert not list(run.folder.glob(".normalised*"))
    reported = read_predictions(run.folder / "report" / "predictions.csv", "1")
    written = json.loads((run.folder / "report" / "metrics.json").read_text())
    assert any("The stain of 1 of 21 images could not be told" in limit for limit in written["limits"])
    answers = predict(run.bundle, [str(folder / "test")], settings=settings)
    by_name = {str(one.path.relative_to(folder)): one.probabilities["1"] for one in answers if one.path}  # type: ignore[union-attr]
    for path, row in zip(reported.ids, reported.probabilities, strict=True):
        assert by_name[path] == pytest.approx(float(row[1]), abs=1e-4), path
    evaluate_bundle(run.bundle, f"folder:{folder}", tmp_path / "again", settings=settings)
    again, first = (place / "predictions.csv" for place in (tmp_path / "again", run.folder / "report"))
    assert again.read_bytes() == first.read_bytes()


def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    folder: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _recipe(folder, "macenko", epochs=3)
    train(recipe, out=tmp_path / "whole", settings=settings)

    def stopped(*args: object, **options: object) -> object:
        fit(*args, **options, stop=lambda rows: True)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sentinode.training.network_bundle.fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, out=tmp_path / "stopped", settings=settings)
    assert not list((tmp_path / "stopped").glob(".normalised*"))
    train(resume=tmp_path / "stopped", settings=settings)
    for name in ("log.csv", "bundle/weights.safetensors", "report/metrics.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes(), name


def test_images_without_two_stains_are_refused(tmp_path: Path, settings: Settings) -> None:
    for split, count in _COUNTS.items():
        for label in range(2):
            place = tmp_path / "brown" / split / str(label)
            place.mkdir(parents=True)
            for number in range(count):
                seed = 1000 * list(_COUNTS).index(split) + 100 * label + number
                image = stained(seed, eosin=(0.268, 0.570, 0.776), side=_SIDE)
                Image.fromarray(image).save(place / f"{number}.png")
    with pytest.raises(RecipeError, match="the training images have no haematoxylin and eosin"):
        train(_recipe(tmp_path / "brown", "macenko"), out=tmp_path / "run", settings=settings)


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"teacher": "bundle:pcam"}, "training.teacher = 'bundle:pcam' sees images as they are"),
        ({"devices": 2}, "training.devices = 2 starts several processes"),
    ],
)
def test_what_would_see_other_images_is_refused(folder: Path, training: dict[str, object], reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        _recipe(folder, "macenko", **training)
