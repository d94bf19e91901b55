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
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.network import Network
from sentinode.models.networks.network_stages import stages
from sentinode.slides.synthetic.drawn_slides import draw_slides
from sentinode.training.network_fit import build_model, fit
from sentinode.training.recipe import load_recipe, shipped_recipes

SIDE = (24, 24)
SMALLER = {
    "convnext-tiny": "test_convnext",
    "efficientnet-b0": "test_efficientnet",
    "resnet50": "test_resnet",
    "vit-small": "test_vit",
}
"""Recipe → a network of the same family, of a hundredth of its size. That their own is built has a test of its own."""


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
    if name in SMALLER:
        return f"folder:{layouts.make_folder(folder, n=8, size=SIDE)}"
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
    if name in SMALLER:
        overrides += [f"model.architecture={SMALLER[name]}", "model.input_size=32"]
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


@pytest.mark.parametrize("name", SMALLER)
def test_the_network_of_a_recipe_takes_its_arguments(name: str) -> None:
    recipe = load_recipe(name, source="folder:x")
    with torch.device("meta"):  # shapes without numbers
        network = build_network(recipe.model, 2, tile_size=96)
    rates = [getattr(module, "drop_prob", 0.0) for module in network.modules()]
    assert max([0.0, *rates]) == pytest.approx(recipe.model.arguments.get("drop_path_rate", 0.0), rel=0.1)
