"""From a recipe and images to a report and a final bundle; what is refused, and what goes on after a stop."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.core.errors import DataError, LeakError, RecipeError, StorageError, TrainingError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import open_bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.studies.crossval import network_crossval as deep_module
from sentinode.studies.crossval.crossval_recipe import AnyCrossvalRecipe, load_crossval_recipe
from sentinode.studies.crossval.crossval_results import CrossvalResult
from sentinode.studies.crossval.crossval_study import run_crossval
from sentinode.studies.evaluation import evaluate_bundle

Make = Callable[..., AnyCrossvalRecipe]


def run(recipe: AnyCrossvalRecipe, out: Path, settings: Settings) -> CrossvalResult:
    result = run_crossval(recipe, out, settings=settings, progress=Progress())
    assert result is not None
    return result


def test_a_classical_one_ends_in_a_report_and_a_bundle_that_takes_images(
    quick: Make, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    result = run(quick(), tmp_path / "out", settings)
    # The source has a test split of its own, which is left alone.
    assert result.metrics["n"] == 180
    assert result.metrics["cross_validation"]["repeats"] == 2
    assert sorted(path.name for path in (tmp_path / "out" / "report").iterdir()) == [
        *("folds.csv", "metrics.json", "predictions.csv", "report.html")
    ]
    rows = list(csv.DictReader((tmp_path / "out/report/folds.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["C"] for row in rows} <= {"0.1", "1.0", "1"}
    bundle = open_bundle(tmp_path / "out" / "bundle")
    assert bundle.info.metrics is not None
    assert bundle.info.metrics.split == "out-of-fold (3-fold, stratified, 2 repeats)"
    assert bundle.info.metrics.figures["auc"].value == result.metrics["metrics"]["auc"]["value"]
    assert "out-of-fold" in (bundle.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    tile = np.asarray(Image.open(next((patches / "test" / "tumour").iterdir())))
    assert open_engine(bundle, "openvino").predict(tile[None]).probabilities.shape == (1, 2)
    measured = evaluate_bundle(
        str(bundle.folder), f"folder:{patches}", tmp_path / "test", split="test", settings=settings, progress=Progress()
    )
    assert measured.n == 60
    # Finished: the same call gives the same again, and another recipe is refused.
    assert run(quick(), tmp_path / "out", settings).to_json() == result.to_json()
    assert "bundle" in result.summary()
    with pytest.raises(TrainingError, match="by another recipe"):
        run(quick("seed=7"), tmp_path / "out", settings)


def test_colour_has_a_report_and_no_bundle(patches: Path, tmp_path: Path, settings: Settings) -> None:
    overrides = ["crossval.folds=3", "crossval.repeats=1", "crossval.permutations=0", "classifier.grid={}"]
    everything = 'crossval.roles=["train", "validation", "test"]'
    recipe = load_crossval_recipe("colour", source=f"folder:{patches}", overrides=[*overrides, everything])
    result = run(recipe, tmp_path / "out", settings)
    assert result.metrics["n"] == 240
    assert result.to_json()["bundle"] is None
    assert "no bundle" in result.summary()
    assert result.metrics["cross_validation"]["permutation"] is None


def test_a_source_without_splits_takes_part_as_a_whole_and_by_group(tmp_path: Path, settings: Settings) -> None:
    lines = ["path,label,group"]
    rng = np.random.default_rng(0)
    for number in range(24):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(path)
        lines.append(f"{path},{('normal', 'tumour')[number % 2]},patient {number // 3}")
    source = tmp_path / "list.csv"
    source.write_text("\n".join(lines), encoding="utf-8")
    overrides = ["crossval.folds=2", "crossval.repeats=1", "crossval.permutations=2", "classifier.grid={}"]
    overrides += ["crossval.inner_folds=2", "evaluation.threshold=youden"]
    result = run(load_crossval_recipe("colour", source=f"csv:{source}", overrides=overrides), tmp_path / "a", settings)
    assert (result.metrics["n"], result.metrics["groups"]) == (24, 8)
    rows = list(csv.DictReader((tmp_path / "a/report/predictions.csv").read_text(encoding="utf-8").splitlines()))
    assert all(len({row["fold"] for row in rows if row["group"] == f"patient {group}"}) == 1 for group in range(8))
    tested = load_crossval_recipe("colour", source=f"csv:{source}", overrides=['crossval.roles=["test"]'])
    with pytest.raises(DataError, match=r"test.*train"):
        run(tested, tmp_path / "b", settings)
    partly = tmp_path / "partly.csv"
    partly.write_text("\n".join([*lines[:-2], *(line.rpartition(",")[0] + "," for line in lines[-2:])]), "utf-8")
    with pytest.raises(DataError, match="no group is known of 2 of 24 images"):
        run(load_crossval_recipe("colour", source=f"csv:{partly}", overrides=overrides), tmp_path / "b", settings)
    assert not (tmp_path / "b").exists()


def test_images_that_the_network_has_learned_from_are_refused(
    quick: Make, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    run(quick("crossval.permutations=0"), tmp_path / "out", settings)
    recipe = load_crossval_recipe(str(tmp_path / "out" / "bundle"), source=f"folder:{patches}")
    with pytest.raises(LeakError, match="180 of these"):
        run(recipe, tmp_path / "again", settings)


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["crossval.folds=99"], RecipeError, "class normal is in 90 images, fewer than crossval.folds = 99"),
        (["crossval.plan=leave-one-group-out"], RecipeError, "the source knows no groups"),
        (["evaluation.threshold=sensitivity>=0.99@lower95"], RecipeError, "evaluation of the recipe"),
    ],
)
def test_what_can_not_be_done_is_refused_before_anything_is_written(
    quick: Make, tmp_path: Path, settings: Settings, overrides: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(quick(*overrides), tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(quick: Make, tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    with pytest.raises(StorageError, match="something else than a cross-validation"):
        run(quick(), tmp_path / "out", settings)


@pytest.mark.slow
def test_a_deep_recipe_trains_every_fold_once_and_ends_in_an_ensemble(
    deep: Make, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Path] = []
    train_network = deep_module.train_network

    def stop_in_the_second(recipe: object, data: object, run: Path, **more: object) -> object:
        trained.append(run)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return train_network(recipe, data, run, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(deep_module, "train_network", stop_in_the_second)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        run(deep(), out, settings)
    result = run(deep(), out, settings)
    assert [path.name for path in trained] == ["01-01", "01-02", "01-02"]
    assert result.metrics["n"] == 180
    assert not (out / "folds" / "01-01" / "checkpoints").exists()
    bundle = open_bundle(out / "bundle")
    assert len(bundle.info.members) == 2
    assert bundle.info.threshold is not None
    assert bundle.info.threshold.split == "out-of-fold"
    assert bundle.info.metrics is not None
    assert bundle.info.metrics.n == 180
    folds = [open_bundle(out / "folds" / name / "bundle") for name in ("01-01", "01-02")]
    seen = [set(np.concatenate(list(fold.seen().values())).tolist()) for fold in folds]
    assert all(len(one) == 90 for one in seen)
    assert seen[0].isdisjoint(seen[1])  # of two folds each teaches what the other tests
    answers = list(csv.DictReader((out / "report/predictions.csv").read_text(encoding="utf-8").splitlines()))
    own = list(csv.DictReader((out / "folds/01-01/report/predictions.csv").read_text(encoding="utf-8").splitlines()))
    first = {row["id"]: row["p_tumour"] for row in answers if row["fold"] == "1"}
    assert first == {row["id"]: row["p_tumour"] for row in own}
    shutil.rmtree(out / "report")
    status = json.loads((out / "crossval.json").read_text(encoding="utf-8"))
    assert status["status"] == "finished"
