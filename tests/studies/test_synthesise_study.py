"""`sentinode synthesise`: stopped runs end the same, collapsed ones say so, and synthetic patches are data."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.square_patches import SIDE, write_square_patches
from sentinode.core.errors import DataError, RecipeError, TrainingError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig, SplitConfig
from sentinode.data.dataset import load_dataset
from sentinode.studies import synthesise_study
from sentinode.studies.sample_figures import open_measure
from sentinode.studies.synthesise_study import Synthesis, synthesise
from sentinode.training.synthesis import synthesis_fit
from sentinode.training.synthesis.synthesis_fit import Contest
from sentinode.training.synthesis.synthesis_images import images_of_source
from sentinode.training.synthesis.synthesis_recipe import make_synthesis_recipe

_SMALL = [
    f"synthesis.side={SIDE}", "synthesis.channels=4", "synthesis.latent_size=8", "synthesis.batch_size=8",
    "synthesis.weights=none", "synthesis.checks=3", "synthesis.watched=32", "measure.architecture=cnn3",
    "measure.weights=none", "measure.images=50",
]  # fmt: skip
_STEPS = "synthesis.steps=9"


@pytest.fixture(scope="module")
def square_patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_square_patches(tmp_path_factory.mktemp("square"))


def _run(patches: Path, out: Path, settings: Settings, *overrides: str, **more: Any) -> Synthesis:
    steps = () if "minutes" in more else (_STEPS,)
    return synthesise(f"folder:{patches}", out=out, overrides=[*_SMALL, *steps, *overrides], settings=settings, **more)


def test_a_run_that_is_stopped_ends_with_the_same_bytes(
    square_patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _run(square_patches, tmp_path / "whole", settings, samples=20)
    learn = Contest.learn

    def stopping(self: Contest, *batch: Any) -> Any:
        if self.step == 5:  # two steps after the first check, which are done again
            raise KeyboardInterrupt
        return learn(self, *batch)

    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        patched.setattr(Contest, "learn", stopping)
        with pytest.raises(KeyboardInterrupt, match=rf"synthesise --resume {stopped}"):
            _run(square_patches, stopped, settings)
    assert not (stopped / "generator.safetensors").exists()
    again = synthesise(resume=stopped, samples=20, settings=settings)
    files = [path.relative_to(whole.folder) for path in sorted(whole.folder.rglob("*.*")) if path.is_file()]
    same = [str(file) for file in files if file.name not in ("last.ckpt", ".lock")]
    assert {"generator.safetensors", "figures.json", "log.csv", "samples/images/0000001.png"} <= set(same)
    for name in same:
        assert (whole.folder / name).read_bytes() == (again.folder / name).read_bytes(), name
    assert again.figures == whole.figures


def test_what_it_draws_is_a_labelled_training_split_alone_or_beside_the_real_patches(
    square_patches: Path, tmp_path: Path, settings: Settings
) -> None:
    result = _run(square_patches, tmp_path / "run", settings, samples=40)
    assert result.samples is not None
    source = f"csv:{result.samples}"
    with pytest.raises(
        DataError, match=r"40 synthetic patches in train and no validation and no test split.*with_real"
    ):
        load_dataset(DataConfig(source=source), cache=settings.cache, progress=SILENT)
    uncut = SplitConfig(fractions=(1.0, 0.0, 0.0))
    alone = load_dataset(DataConfig(source=source, split=uncut), cache=settings.cache, progress=SILENT)
    assert alone.tiles.shape[1:] == (SIDE, SIDE, 3)
    assert sorted(alone.manifest.table["label"].value_counts()) == [20, 20]
    assert f"train RECIPE --data csv:{result.samples.parent / 'with_real.csv'}" in result.summary()
    both = load_dataset(
        DataConfig(source=f"csv:{result.samples.parent / 'with_real.csv'}"), cache=settings.cache, progress=SILENT
    )
    assert both.manifest.table["split"].value_counts().to_dict() == {"train": 120, "validation": 60, "test": 60}
    drawn = both.manifest.table["id"].str.startswith("images/")
    assert set(both.manifest.table.loc[drawn, "split"]) == {"train"}
    with pytest.raises(RecipeError, match=r"samples holds 40 synthetic patches already.*move or remove"):
        synthesise(resume=tmp_path / "run", samples=60, settings=settings)
    with pytest.raises(RecipeError, match=r"--samples 7 can't be shared out equally among 2 classes; give 8"):
        synthesise(resume=tmp_path / "run", samples=7, settings=settings)
    assert len(list((result.samples.parent / "images").iterdir())) == 40
    shutil.rmtree(result.samples.parent)
    more = synthesise(resume=tmp_path / "run", samples=60, settings=settings)
    assert more.samples is not None
    assert len(list((more.samples.parent / "images").iterdir())) == 60
    assert more.figures == result.figures


def test_a_run_leaves_figures_a_sheet_and_a_page(square_patches: Path, tmp_path: Path, settings: Settings) -> None:
    result = _run(square_patches, tmp_path / "run", settings, minutes=0.005)
    status = json.loads((result.folder / "synthesis.json").read_text())
    assert status["status"] == "finished"
    assert f"steps = {status['budget']['steps']}\n" in (result.folder / "recipe.toml").read_text()
    for name in ("frechet", "kernel", "precision", "recall"):
        assert result.figures["drawn"][name]["low"] <= result.figures["drawn"][name]["high"]
    page = (result.folder / "synthesis.html").read_text()
    assert page.count("<figure") == 2
    assert "Training patches are what a perfect generator would come to" in page
    with Image.open(result.folder / "contact_sheet.png") as sheet:
        assert sheet.size == (12 * (SIDE + 4) - 4, 4 * (SIDE + 4) - 4)
    assert "copies" in result.summary()
    assert result.to_json()["generator"].endswith("generator.safetensors")


def test_a_generator_that_draws_one_image_is_stopped_and_says_so(
    square_patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw: Callable[..., np.ndarray] = synthesis_fit.draw_images

    def ever_the_same(generator: Any, classes: np.ndarray, seed: int) -> np.ndarray:
        return np.repeat(draw(generator, classes[:1], seed), len(classes), axis=0)

    monkeypatch.setattr(synthesis_fit, "draw_images", ever_the_same)
    with pytest.raises(TrainingError, match=r"collapsed at step 6: .* nearly one image .* larger synthesis.batch_size"):
        _run(square_patches, tmp_path / "run", settings)
    assert json.loads((tmp_path / "run" / "synthesis.json").read_text())["status"] == "collapsed"
    assert not (tmp_path / "run" / "generator.safetensors").exists()
    with pytest.raises(TrainingError, match="a run that has collapsed does not go on"):
        synthesise(resume=tmp_path / "run", settings=settings)


def test_a_loss_that_is_no_number_ends_a_run(square_patches: Path, tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(TrainingError, match=r"a loss is no number at step \d.*synthesis.generator_rate \(now 1e\+30\)"):
        _run(square_patches, tmp_path / "run", settings, "synthesis.generator_rate=1e30")


def test_a_turned_copy_of_a_training_image_is_caught(square_patches: Path, settings: Settings) -> None:
    recipe = make_synthesis_recipe(f"folder:{square_patches}", [*_SMALL, _STEPS])
    images = images_of_source(recipe, settings, SILENT)
    measure = open_measure(recipe, images, threads=1)
    drawn = np.random.default_rng(0).integers(0, 256, (30, SIDE, SIDE, 3), dtype=np.uint8)
    assert not measure.of(drawn).copies.copied
    drawn[11] = np.rot90(images.learned.images[70])
    found = measure.of(drawn)
    assert found.copies.copies.tolist() == [11]
    assert found.copies.nearest[11] == 70


def test_only_the_training_split_is_learned_from_and_each_image_once(tmp_path: Path, settings: Settings) -> None:
    folder = write_square_patches(tmp_path / "twice")
    for number in range(5):
        original = folder / "train" / "normal" / "000.png"
        (folder / "train" / "normal" / f"copy{number}.png").write_bytes(original.read_bytes())
    recipe = make_synthesis_recipe(f"folder:{folder}", _SMALL)
    images = images_of_source(recipe, settings, SILENT)
    table = load_dataset(recipe.data, cache=settings.cache, progress=SILENT).manifest.table
    assert len(images.learned.classes) == 80
    assert set(images.learned.pixels) == set(table.loc[table["split"] == "train", "pixels"])
    assert set(images.held_out.pixels) == set(table.loc[table["split"] == "validation", "pixels"])


def test_what_it_can_not_learn_from_is_refused_and_no_folder_is_left(
    square_patches: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "run"
    with pytest.raises(DataError, match=r"have 16 px and synthesis.side is 64.*set synthesis.side=16"):
        _run(square_patches, out, settings, "synthesis.side=64")
    few = write_square_patches(tmp_path / "few", {"train": 80, "validation": 10})
    with pytest.raises(DataError, match="validation split has 5 different images of normal"):
        _run(few, out, settings)
    with pytest.raises(DataError, match="train"):
        _run(square_patches, out, settings, "data.split.train=nowhere")
    with pytest.raises(RecipeError, match="say how long"):
        synthesise(f"folder:{square_patches}", out=out, overrides=_SMALL, settings=settings)
    with pytest.raises(RecipeError, match="--minutes inf; give a number of minutes above 0"):
        synthesise(f"folder:{square_patches}", minutes=float("inf"), out=out, overrides=_SMALL, settings=settings)
    with pytest.raises(RecipeError, match=r"--samples 7 .* give 8"):
        _run(square_patches, out, settings, samples=7)
    with pytest.raises(RecipeError, match="name the patches"):
        synthesise(settings=settings)
    with pytest.raises(RecipeError, match="give it alone"):
        synthesise(f"folder:{square_patches}", resume=out, settings=settings)
    with pytest.raises(TrainingError, match="holds no run of synthesis"):
        synthesise(resume=tmp_path, settings=settings)
    assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("x")
    with pytest.raises(TrainingError, match="is not empty"):
        _run(square_patches, out, settings)


def test_images_that_changed_are_not_gone_on_with(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_square_patches(tmp_path / "data")

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(synthesise_study, "_write_page", stopped)
        with pytest.raises(KeyboardInterrupt):
            _run(folder, tmp_path / "run", settings)
    (folder / "train" / "normal" / "000.png").unlink()
    with pytest.raises(TrainingError, match="is not what it was"):
        synthesise(resume=tmp_path / "run", settings=settings)
