import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sentinode.core.errors import DataError, EvaluationError, LeakError, StorageError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import open_bundle
from sentinode.models.bundle_writer import amend
from sentinode.studies.bundle_comparison import compare_bundles
from sentinode.studies.evaluation import evaluate_bundle
from sentinode.studies.train_study import train
from sentinode.training.recipe import Recipe


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache=tmp_path_factory.mktemp("cache"), threads=1)


@pytest.fixture(scope="module")
def run(small_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(small_recipe(training={"epochs": 4}), out=folder, settings=settings)
    return folder


def evaluate(run: Path, address: str, out: Path, settings: Settings, split: str = "test", *overrides: str) -> dict:
    evaluate_bundle(
        str(run / "bundle"), address, out, split=split, overrides=overrides, settings=settings, progress=Progress()
    )
    return json.loads((out / "metrics.json").read_text(encoding="utf-8"))


def test_a_run_leaves_what_the_design_promises(run: Path) -> None:
    assert {path.name for path in run.iterdir()} >= {
        "recipe.toml",
        "split.parquet",
        "log.csv",
        "checkpoints",
        "bundle",
        "report",
    }
    assert {path.name for path in (run / "report").iterdir()} == {
        "metrics.json",
        "predictions.csv",
        "report.html",
        "curves.png",
    }
    info = open_bundle(run / "bundle").info
    assert info.metrics is not None
    assert info.metrics.n == 60
    assert info.threshold is not None
    assert info.threshold.split == "validation"
    assert info.threshold.n == 60


def test_evaluating_the_bundle_again_gives_the_same_figures(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    again = evaluate(run, f"folder:{patches}", tmp_path / "again", settings)
    first = json.loads((run / "report" / "metrics.json").read_text(encoding="utf-8"))
    assert again["metrics"] == first["metrics"]
    assert again["confusion_matrix"] == first["confusion_matrix"]
    assert again["threshold"] == first["threshold"]


def test_images_that_the_model_learned_from_are_refused_or_left_out(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(patches / "test", mixed)
    for number in range(3):
        shutil.copy(patches / "train" / "normal" / f"{2 * number:03d}.png", mixed / "normal" / f"seen{number}.png")
    with pytest.raises(LeakError, match=r"3 of these.*data.on_leak=drop"):
        evaluate(run, f"folder:{mixed}", tmp_path / "refused", settings, "all")
    assert not (tmp_path / "refused").exists()
    figures = evaluate(run, f"folder:{mixed}", tmp_path / "dropped", settings, "all", "data.on_leak=drop")
    assert figures["n"] == 60
    assert "the model has learned from it" in (tmp_path / "dropped" / "report.html").read_text(encoding="utf-8")


def test_images_that_only_the_threshold_was_set_on_are_not_said_to_be_learned_from(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(patches / "test", mixed)
    shutil.copy(patches / "train" / "normal" / "000.png", mixed / "normal" / "learned.png")
    for place, path in enumerate(sorted((patches / "validation" / "normal").iterdir())[:2]):
        shutil.copy(path, mixed / "normal" / f"set{place}.png")
    said = r"has learned from 1 of these images \(normal/learned\.png\) and set its threshold and temperature on 2 of "
    with pytest.raises(LeakError, match=said + r"these images \(normal/set0\.png, normal/set1\.png\)"):
        evaluate(run, f"folder:{mixed}", tmp_path / "refused", settings, "all")
    figures = evaluate(run, f"folder:{mixed}", tmp_path / "dropped", settings, "all", "data.on_leak=drop")
    assert figures["n"] == 60
    report = (tmp_path / "dropped" / "report.html").read_text(encoding="utf-8")
    assert "leak: the model has set its threshold and temperature on it" in report


def test_a_split_by_its_own_name_and_the_training_split_with_a_warning(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    figures = evaluate(run, f"folder:{patches}", tmp_path / "train", settings, "train")
    assert figures["n"] == 120
    assert any("learned from train" in limit for limit in figures["limits"])
    figures = evaluate(run, f"folder:{patches}", tmp_path / "validation", settings, "validation")
    assert any("set its threshold and temperature on validation" in limit for limit in figures["limits"])
    with pytest.raises(DataError, match=r"'holdout'.*test, train, validation"):
        evaluate(run, f"folder:{patches}", tmp_path / "none", settings, "holdout")


def test_other_data_is_measured_on_its_own_test_split_whatever_the_recipe_calls_test(
    small_recipe: Callable[..., Recipe], patches: Path, tmp_path: Path, settings: Settings
) -> None:
    developed = tmp_path / "developed"
    shutil.copytree(patches / "train", developed / "train")
    shutil.copytree(patches / "validation", developed / "valid")
    split = {"train": "train", "test": "valid", "fractions": (0.9, 0.1, 0.0)}
    recipe = small_recipe(data={"source": f"folder:{developed}", "split": split}, training={"epochs": 1})
    train(recipe, out=tmp_path / "run", settings=settings)
    official = tmp_path / "official"
    for own, part in (("train", "train"), ("valid", "validation"), ("test", "test")):
        shutil.copytree(patches / part, official / own)
    figures = evaluate(tmp_path / "run", f"folder:{official}", tmp_path / "out", settings)
    rows = (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {row.split("/")[0] for row in rows} == {"test"}
    assert (figures["split"], figures["split_chosen"]) == ("test", "the data's own")
    assert "60 patches: test, the data&#39;s own." in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    # On the data that it was trained on, its recipe still says which images are test.
    again = evaluate(tmp_path / "run", f"folder:{developed}", tmp_path / "again", settings)
    assert again["n"] == 60
    assert again["split_chosen"].endswith("where it is called valid")


def test_a_folder_with_test_alone_and_one_class_gives_what_it_can(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(patches / "test" / "tumour", alone / "test" / "tumour")
    figures = evaluate(run, f"folder:{alone}", tmp_path / "out", settings)
    assert (figures["n"], figures["split_chosen"]) == (30, "the data's own")
    assert figures["metrics"]["sensitivity"]["value"] is not None
    assert figures["metrics"]["auc"]["method"] == "undefined: no negative sample"
    assert (tmp_path / "out" / "report.html").is_file()
    found = compare_bundles([run / "bundle", run / "bundle"], f"folder:{alone}", tmp_path / "both", settings=settings)
    assert found.split == "test (the data's own)"
    assert found.comparisons[0].differences["sensitivity"].low < 0
    said = found.summary()
    assert said.startswith("test (the data's own): 30 images\n")
    value = found.comparisons[0].metrics_a["sensitivity"].value
    assert re.search(
        rf"  sensitivity  {value:.4f} → {value:.4f}   \+0\.0000 \(95 % -0\.\d{{4}} to \+0\.\d{{4}}\)", said
    )
    assert "  auc          undefined → undefined   undefined: no negative sample" in said


def test_a_recipe_that_renames_is_used_on_data_that_lacks_a_class(
    small_recipe: Callable[..., Recipe], patches: Path, tmp_path: Path, settings: Settings
) -> None:
    numbered = tmp_path / "numbered"
    for split in ("train", "validation", "test"):
        for old, new in (("normal", "0"), ("tumour", "1")):
            shutil.copytree(patches / split / old, numbered / split / new)
    data = {"source": f"folder:{numbered}", "rename": {"0": "normal", "1": "tumour"}}
    train(small_recipe(data=data, training={"epochs": 1}), out=tmp_path / "run", settings=settings)
    alone = tmp_path / "alone"
    shutil.copytree(numbered / "test" / "0", alone / "test" / "0")
    figures = evaluate(tmp_path / "run", f"folder:{alone}", tmp_path / "out", settings)
    assert figures["counts"] == {"normal": 30, "tumour": 0}
    with pytest.raises(DataError, match=r"data\.rename has 'benign'"):  # what the user sets must be there
        evaluate(
            tmp_path / "run", f"folder:{alone}", tmp_path / "no", settings, "test", 'data.rename={benign="normal"}'
        )


def test_dropping_everything_says_so(run: Path, patches: Path, tmp_path: Path, settings: Settings) -> None:
    known = f"folder:{patches / 'train'}"
    with pytest.raises(LeakError, match=r"learned from all 120 of these images.*nothing is left"):
        evaluate(run, known, tmp_path / "none", settings, "all", "data.on_leak=drop")


def test_what_a_card_says_of_its_own_data_is_no_limit_of_other_data(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    noted = tmp_path / "noted"
    shutil.copytree(run / "bundle", noted / "bundle")
    amend(open_bundle(noted / "bundle"), limits=("Measured on twelve slides of one scanner.",))
    own = evaluate(noted, f"folder:{patches}", tmp_path / "own", settings)
    assert own["limits"][0] == "Measured on twelve slides of one scanner."
    other = evaluate(noted, f"folder:{patches / 'test'}", tmp_path / "other", settings, "all")
    assert not any("twelve slides" in limit for limit in other["limits"])
    page = (tmp_path / "other" / "report.html").read_text(encoding="utf-8")
    assert "card says, of the model and of its own data" in page


def test_data_without_splits_must_be_measured_as_a_whole(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    flat = f"folder:{patches / 'test'}"
    with pytest.raises(DataError, match=r"no splits of its own.*--split all"):
        evaluate(run, flat, tmp_path / "refused", settings)
    assert evaluate(run, flat, tmp_path / "all", settings, "all")["n"] == 60


def test_classes_that_the_model_does_not_know_are_refused(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    strange = tmp_path / "strange"
    shutil.copytree(patches / "test" / "normal", strange / "benign")
    shutil.copytree(patches / "test" / "tumour", strange / "tumour")
    with pytest.raises(DataError, match=r"'benign'.*normal, tumour.*rename"):
        evaluate(run, f"folder:{strange}", tmp_path / "refused", settings, "all")
    renamed = evaluate(run, f"folder:{strange}", tmp_path / "renamed", settings, "all", 'data.rename={benign="normal"}')
    assert renamed["n"] == 60


def test_a_folder_with_something_else_in_it_is_not_replaced(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="choose another --out"):
        evaluate(run, f"folder:{patches}", tmp_path, settings)
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_model_compared_with_itself_does_not_differ(
    run: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    other = tmp_path / "other"
    shutil.copytree(run / "bundle", other)
    names = [str(run / "bundle"), str(other)]
    found = compare_bundles(
        names, f"folder:{patches}", tmp_path / "out", split="test", settings=settings, progress=Progress()
    ).to_json()
    assert len(found) == 1
    assert found[0]["differences"]["auc"]["value"] == 0
    assert (tmp_path / "out" / "comparison.html").is_file()
    with pytest.raises(EvaluationError, match="name at least two"):
        compare_bundles(
            names[:1], f"folder:{patches}", tmp_path / "one", split="test", settings=settings, progress=Progress()
        )


def test_scores_in_the_table_are_the_engines(run: Path) -> None:
    text = (run / "report" / "predictions.csv").read_text(encoding="utf-8").splitlines()
    scores = np.array([float(line.split(",")[6]) for line in text[1:]])
    metrics = json.loads((run / "report" / "metrics.json").read_text(encoding="utf-8"))
    called = int((scores >= metrics["threshold"]["value"]).sum())
    (_, fp), (_, tp) = metrics["confusion_matrix"]
    assert called == fp + tp
