"""Every shipped recipe of pretraining runs for a few steps; what contradicts itself is refused."""

from pathlib import Path

import numpy as np
import pytest

from sentinode.core.errors import RecipeError
from sentinode.core.progress import SILENT
from sentinode.data.dataset import Images
from sentinode.data.unlabelled_images import JoinedImages
from sentinode.training.pretraining.pretrain_recipe import FOLDER, load_pretrain_recipe
from sentinode.training.pretraining.pretraining_fit import pretrain_network
from sentinode.training.pretraining.pretraining_images import PretrainingImages
from sentinode.training.recipe import shipped_files


def _images() -> PretrainingImages:
    tiles = np.random.default_rng(0).integers(0, 256, (14, 32, 32, 3), dtype=np.uint8)
    both = JoinedImages([Images(tiles, np.arange(3)), Images(tiles, np.arange(3, 8))])
    return PretrainingImages(both, tiles[8:], None, np.arange(8, dtype=np.uint64), None, "made up")


@pytest.mark.parametrize("name", shipped_files(FOLDER))
def test_each_shipped_recipe_learns(name: str, tmp_path: Path) -> None:
    small = ["model.weights=none", "model.input_size=32", "pretraining.batch_size=4", "pretraining.projection_size=16"]
    recipe = load_pretrain_recipe(name, source="made:up", overrides=small).with_steps(2)
    done = pretrain_network(recipe, _images(), tmp_path, threads=1, progress=SILENT)
    assert [row.step for row in done.rows] == [0, 1, 2]
    assert (tmp_path / "checkpoints" / "best.safetensors").is_file()
    assert done.probe == "found-again"


def test_images_of_several_arrays_are_read_as_one() -> None:
    images = _images().learned
    tiles = np.random.default_rng(0).integers(0, 256, (14, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(images[np.array([7, 0, 3, 2])], tiles[[7, 0, 3, 2]])
    assert images.shape == (8, 32, 32, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "give either images"),
        ({"source": "a", "slides": "b"}, "name two places to learn from"),
        ({"source": "a", "overrides": ["views.local_views=2"]}, "views.local_views is of dino, not of simsiam"),
        ({"source": "a", "overrides": ["views.local_part=[0.5, 0.1]"]}, "give two shares"),
        ({"source": "a", "overrides": ["probe.often=2"]}, "unknown key 'probe.often'"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said.replace(".", r"\.")):
        load_pretrain_recipe("simsiam-squeezenet", **arguments)  # type: ignore[arg-type]
