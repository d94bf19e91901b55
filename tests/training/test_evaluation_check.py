"""What no model could meet on the validation split is refused before anything is trained, with the recipe's key."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinode.core.errors import RecipeError
from sentinode.core.settings import Settings
from sentinode.studies.train_study import train
from sentinode.training import network_bundle
from sentinode.training.recipe import Recipe

Maker = Callable[..., Recipe]


@pytest.fixture(autouse=True)
def never_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_arguments: object, **_keywords: object) -> None:
        raise AssertionError("it was trained")

    monkeypatch.setattr(network_bundle, "fit", fit)


def _with_validation(patches: Path, folder: Path, kept: dict[str, int]) -> str:
    """The address of the patches with so many validation images of each class."""
    shutil.copytree(patches, folder)
    for name, count in kept.items():
        for image in sorted((folder / "validation" / name).iterdir())[count:]:
            image.unlink()
    return f"folder:{folder}"


@pytest.mark.parametrize(
    ("kept", "evaluation", "said"),
    [
        (
            {"normal": 2, "tumour": 2},
            {},
            r"evaluation\.flagged = 0\.1 of the 4 images .*\(2 normal, 2 tumour\).*data\.split\.validation.*"
            r"evaluation\.flagged to 0\.26",
        ),
        ({"normal": 20, "tumour": 0}, {}, r"validation split has 20 normal, 0 tumour.*data\.split\.fractions"),
        (
            {"normal": 6, "tumour": 6},
            {"threshold": "sensitivity>=0.95@lower95"},
            r"evaluation\.threshold = 'sensitivity>=0\.95@lower95': .*6 positive",
        ),
        ({"normal": 9, "tumour": 9}, {"targets": ["acc>=0.9"]}, r"evaluation\.targets = \['acc>=0\.9'\]: "),
    ],
)
def test_it_names_the_key(
    small_recipe: Maker,
    patches: Path,
    tmp_path: Path,
    settings: Settings,
    kept: dict[str, int],
    evaluation: dict[str, object],
    said: str,
) -> None:
    source = _with_validation(patches, tmp_path / "few", kept)
    recipe = small_recipe(data={"source": source}, evaluation=evaluation)
    with pytest.raises(RecipeError, match=said):
        train(recipe, out=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run").exists()


def test_the_flagged_share_that_the_message_names_is_enough(
    small_recipe: Maker, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    source = _with_validation(patches, tmp_path / "few", {"normal": 2, "tumour": 2})
    recipe = small_recipe(data={"source": source}, evaluation={"flagged": 0.26, "threshold": "youden"})
    with pytest.raises(AssertionError, match="it was trained"):
        train(recipe, out=tmp_path / "run", settings=settings)
