"""Every shipped recipe, run for a few steps on generated data in the layout that it is meant for."""

import math
import shutil
from pathlib import Path

import pytest
import torch

from helpers import layouts
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.models.networks.network import Network
from sentinode.models.networks.network_stages import stages
from sentinode.slides.synthetic.drawn_slides import draw_slides
from sentinode.training.network_fit import build_model, fit
from sentinode.training.recipe import load_recipe, shipped_recipes

SIDE = (24, 24)


def make_source(name: str, folder: Path) -> str:
    """The address of a small data set for the recipe `name`."""
    if name == "demo":
        return "synthetic:patches?n=60"
    if name == "pathmnist-cnn":
        return f"medmnist:{layouts.make_medmnist(folder / 'pathmnist.npz', n=27, size=(28, 28))}"
    if name.startswith("pcam-"):
        made = layouts.make_folder(folder, n=10, classes=("0", "1"), splits=("train", "valid"), size=SIDE)
        return f"folder:{made}"
    if name == "nct-resnet50":
        splits = ("NCT-CRC-HE-100K", "CRC-VAL-HE-7K")
        return f"folder:{layouts.make_folder(folder, n=10, classes=('ADI', 'NORM', 'TUM'), splits=splits, size=SIDE)}"
    if name == "camelyon16-efficientnet":
        draw_slides(folder, slides=4, width=1501, height=1203, seed=2)
        return f"slides:{folder}"
    return f"kaggle:{layouts.make_kaggle(folder, n=24, size=SIDE)}"


def changed_stages(network: Network, start: Network) -> list[str]:
    """Stages of which any weight, or any statistic of a batch norm, is no longer what it was at the start."""
    before, after = start.state_dict(), network.state_dict()
    return [
        stage
        for stage in stages(network)
        if any(not torch.equal(before[name], after[name]) for name in after if name.startswith(f"{stage}."))
    ]


@pytest.mark.parametrize("name", shipped_recipes())
def test_each_shipped_recipe_runs_and_changes_what_it_says(name: str, tmp_path: Path, settings: Settings) -> None:
    overrides = ["model.weights=none", "training.epochs=1", "training.batch_size=4", "training.precision=float32"]
    source = make_source(name, tmp_path / "data")
    if name == "camelyon16-efficientnet":
        # Drawn slides are small, so the tiles are, too.
        overrides += ["data.tiles.size_px=64", "data.tiles.per_slide=8", "data.tiles.fractions=[0.5, 0.5, 0.0]"]
        overrides += ["data.split.fractions=[0.5, 0.5, 0.0]"]
    if name == "pcam-student":
        overrides.append('training.teacher=""')  # what a teacher changes has tests of its own: test_distillation.py
    if load_recipe(name, source=source).training.warmup_epochs:
        overrides.append("training.warmup_epochs=0.5")
    recipe = load_recipe(name, source=source, overrides=overrides)
    data = load_dataset(recipe.data, cache=settings.cache, progress=Progress())
    fitted = fit(recipe, data, tmp_path / "run", threads=1, progress=Progress())
    assert fitted is not None
    assert [row["epoch"] for row in fitted.log] == [1]
    assert math.isfinite(fitted.log[0]["train_loss"])
    assert math.isfinite(fitted.log[0]["validation_loss"])
    torch.manual_seed(recipe.seed)  # as `fit` does before it builds the network
    start, _ = build_model(recipe, data)
    assert changed_stages(fitted.network, start) == (list(recipe.model.trainable) or stages(fitted.network))
    shutil.rmtree(tmp_path / "run")  # the checkpoint of the largest network has half a gigabyte
