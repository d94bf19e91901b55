"""Which features a word means."""

from pathlib import Path
from typing import Any

import pytest

from sentinode.core.errors import RecipeError
from sentinode.training.features.feature_recipe import load_features_recipe, named_features


def test_a_word_is_a_bundle_a_descriptor_or_an_architecture(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "bundle.json").write_text("{}")
    expected: dict[str, dict[str, Any]] = {
        "pcam": {"kind": "network", "bundle": "pcam"},
        str(mine): {"kind": "network", "bundle": str(mine)},
        "texture": {"kind": "texture"},
        "network": {"kind": "network", "model": {"architecture": "network", "weights": "imagenet"}},
        "squeezenet1_1": {
            "kind": "network",
            "model": {"architecture": "squeezenet1_1", "weights": "imagenet", "arguments": {"taps": [4, 7, 9]}},
        },
        "resnet18": {"kind": "network", "model": {"architecture": "resnet18", "weights": "imagenet"}},
    }
    for word, table in expected.items():
        assert named_features(word) == table


def test_values_are_laid_over_it() -> None:
    overrides = ("features.model.weights=none", 'features.model.pooling=["max"]', "data.on_leak=drop")
    recipe = load_features_recipe("cnn3", source="folder:x", overrides=overrides)
    assert (recipe.data.source, recipe.data.on_leak) == ("folder:x", "drop")
    assert recipe.features.model is not None
    assert (recipe.features.model.weights, recipe.features.model.pooling) == ("none", ("max",))


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("some/where", "data.on_leak=drop", r"some/where is no bundle \(it has no bundle\.json\)"),
        ("cnn3", "features.model.wieghts=none", "unknown key 'features.model.wieghts'"),
        ("cnn3", "training.epochs=3", "unknown key 'training'"),
        ("pcam", "features.model.architecture=cnn3", "needs either bundle or model, and has bundle and model"),
        ("colour", "features.bundle=pcam", "computed without a network; remove bundle"),
    ],
)
def test_what_does_not_go_together_is_refused(name: str, override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_features_recipe(name, source="folder:x", overrides=(override,))
