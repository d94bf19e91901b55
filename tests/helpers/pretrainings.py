"""Small runs of pretraining: tiny images, a tiny network, a few steps."""

from pathlib import Path

from sentinode.core.settings import Settings
from sentinode.studies.pretrain_study import Pretraining, pretrain

STEPS = 12
RECIPE = """
name = "small"
[model]
architecture = "cnn3"
input_size = 16
[pretraining]
batch_size = 16
learning_rate = 1e-3
projection_size = 16
steps = {steps}
[probe]
steps = 3
images = 40
"""


def recipe_file(folder: Path, steps: int = STEPS) -> Path:
    """The recipe as a file."""
    path = folder / "small.toml"
    path.write_text(RECIPE.format(steps=steps), encoding="utf-8")
    return path


def pretrained(patches: Path, folder: Path, settings: Settings, *overrides: str) -> Pretraining:
    """A finished run in `folder`/run on the data set of `helpers.patches`."""
    recipe = recipe_file(folder)
    return pretrain(str(recipe), data=f"folder:{patches}", out=folder / "run", overrides=overrides, settings=settings)
