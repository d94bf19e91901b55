"""The recipe of synthesis: what contradicts itself is refused."""

from pathlib import Path

import pytest

from sentinode.core.errors import RecipeError
from sentinode.training.synthesis.synthesis_recipe import make_synthesis_recipe, read_synthesis_recipe


def test_the_written_recipe_is_read_again(tmp_path: Path) -> None:
    recipe = make_synthesis_recipe("folder:x", ["synthesis.side=96", "measure.images=200", "seed=3"]).with_steps(7)
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert read_synthesis_recipe(path) == recipe
    assert recipe.synthesis.steps == 7


@pytest.mark.parametrize(("override", "said"), [
    ("synthesis.side=50", "side = 50; give a multiple of 16"),
    ("measure.architecture=tf_efficientnet_lite0", "the discriminator's own"),
    ("synthesis.sides=64", "unknown key 'synthesis.sides'"),
    ("synthesis.batch_size=1", "synthesis.batch_size = 1"),
])  # fmt: skip
def test_values_that_can_not_be_are_refused(override: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        make_synthesis_recipe("folder:x", [override])
