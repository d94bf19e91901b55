from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sentinode.core.errors import RecipeError, TrainingError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.training import callbacks
from sentinode.training.callbacks import best_epoch, is_over
from sentinode.training.network_fit import Fitted, fit
from sentinode.training.recipe import Recipe
from sentinode.training.training_config import TrainingConfig

MakeRecipe = Callable[..., Recipe]


def run_fit(recipe: Recipe, folder: Path, settings: Settings) -> Fitted:
    data = load_dataset(recipe.data, cache=settings.cache, progress=Progress())
    fitted = fit(recipe, data, folder, threads=1, progress=Progress())
    assert fitted is not None
    return fitted


def same_weights(one: Fitted, other: Fitted) -> bool:
    states = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


SCHEDULES = {
    "cosine, averaged": {"schedule": "cosine", "warmup_epochs": 0.5},
    "one-cycle, last": {"schedule": "one-cycle", "warmup_epochs": 1, "keep": "last"},
    "streamed, in parts": {"sampling": "streamed", "epoch_images": 48, "average_decay": 0.0},
    "plateau, plain": {"schedule": "plateau", "plateau_patience": 0, "average_decay": 0.0, "optimizer": "sgd"},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_run_stopped_after_an_epoch_ends_as_one_that_was_not(
    name: str, small_recipe: MakeRecipe, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    augmentation = {"quarter_turns": True, "rotation": 10, "stain": 0.1, "brightness": 0.1}
    recipe = small_recipe(training={**SCHEDULES[name], "augmentation": augmentation})
    whole = run_fit(recipe, tmp_path / "whole", settings)
    save = callbacks.LastCheckpoint.on_train_epoch_end

    def save_then_stop(self: callbacks.LastCheckpoint, trainer: Any, module: Any) -> None:
        save(self, trainer, module)
        if trainer.current_epoch == 0:
            raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.LastCheckpoint, "on_train_epoch_end", save_then_stop)
        with pytest.raises(InterruptedError):
            run_fit(recipe, tmp_path / "stopped", settings)
    resumed = run_fit(recipe, tmp_path / "stopped", settings)
    assert (tmp_path / "whole" / "log.csv").read_bytes() == (tmp_path / "stopped" / "log.csv").read_bytes()
    assert same_weights(whole, resumed)


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(
    small_recipe: MakeRecipe, tmp_path: Path, settings: Settings
) -> None:
    recipe = small_recipe(training={"epochs": 1})
    one, two = (run_fit(recipe, tmp_path / name, settings) for name in ("one", "two"))
    assert same_weights(one, two)
    other = run_fit(recipe.model_copy(update={"seed": 1}), tmp_path / "three", settings)
    assert not same_weights(one, other)


def test_it_learns(small_recipe: MakeRecipe, tmp_path: Path, settings: Settings) -> None:
    fitted = run_fit(small_recipe(training={"epochs": 8}), tmp_path / "run", settings)
    assert fitted.log[-1]["validation_auc"] > 0.9 > fitted.log[0]["validation_auc"] - 0.4
    assert fitted.log[-1]["train_loss"] < fitted.log[0]["train_loss"]


def test_one_logit_and_softmax_both_train_with_weights_and_sampling(
    small_recipe: MakeRecipe, tmp_path: Path, settings: Settings
) -> None:
    for number, changes in enumerate(
        [{"class_weight": "balanced"}, {"class_weight": [1.0, 2.0]}, {"sampling": "balanced", "label_smoothing": 0.1}]
    ):
        for head in ("softmax", "logit"):
            recipe = small_recipe(model={"head": head}, training={"epochs": 1, **changes})
            fitted = run_fit(recipe, tmp_path / f"{number}-{head}", settings)
            assert 0 < fitted.log[0]["train_loss"] < 2


def test_frozen_stages_stay_and_the_head_goes_first(
    small_recipe: MakeRecipe, tmp_path: Path, settings: Settings
) -> None:
    def backbone(changes: dict[str, object]) -> dict[str, torch.Tensor]:
        recipe = small_recipe(model=changes, training={"epochs": 2, "average_decay": 0.0, "keep": "last"})
        fitted = run_fit(recipe, tmp_path / str(len(list(tmp_path.iterdir()))), settings)
        return {k: v for k, v in fitted.network.state_dict().items() if not k.startswith(fitted.network.head_name)}

    frozen, once_more = backbone({"trainable": ["classifier"]}), backbone({"trainable": ["classifier"]})
    head_first, free = backbone({"head_first_epochs": 1}), backbone({})
    assert all(torch.equal(frozen[name], once_more[name]) for name in frozen)
    assert not all(torch.equal(frozen[name], head_first[name]) for name in frozen)
    assert not all(torch.equal(free[name], head_first[name]) for name in free)


def test_a_loss_that_is_not_finite_is_an_error_with_the_remedy(
    small_recipe: MakeRecipe, tmp_path: Path, settings: Settings
) -> None:
    recipe = small_recipe(training={"learning_rate": 1e30, "optimizer": "sgd"})
    with pytest.raises(TrainingError, match=r"no longer finite.*lower training.learning_rate \(now 1e\+30\)"):
        run_fit(recipe, tmp_path / "run", settings)


def test_a_damaged_checkpoint_is_an_error_that_names_it(
    small_recipe: MakeRecipe, tmp_path: Path, settings: Settings
) -> None:
    recipe = small_recipe(training={"epochs": 1})
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match=r"last.ckpt can't be read.*delete it to train from the start"):
        run_fit(recipe, tmp_path / "run", settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("changes", [{"accelerator": "cuda"}, {"precision": "float16"}])
def test_hardware_that_is_not_there_is_refused(
    changes: dict[str, object], small_recipe: MakeRecipe, tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(RecipeError, match="CUDA"):
        run_fit(small_recipe(training=changes), tmp_path / "run", settings)


def rows(*aucs: float) -> list[dict[str, float]]:
    return [{"epoch": number + 1, "validation_auc": value} for number, value in enumerate(aucs)]


def test_the_best_epoch_is_the_first_of_equals() -> None:
    assert best_epoch(rows(0.7, 0.9, 0.9, 0.8), TrainingConfig()) == 2
    losses = [{"epoch": 1, "validation_loss": 0.3}, {"epoch": 2, "validation_loss": 0.2}]
    assert best_epoch(losses, TrainingConfig(monitor="loss")) == 2


def test_early_stopping_is_told_from_the_log() -> None:
    config = TrainingConfig(epochs=10, stop_after=2)
    assert not is_over([], config)
    assert not is_over(rows(0.7, 0.9, 0.8), config)
    assert is_over(rows(0.7, 0.9, 0.8, 0.85), config)
    assert is_over(rows(*[0.5 + 0.01 * step for step in range(10)]), config)
    assert not is_over(rows(0.9, 0.8, 0.7), TrainingConfig(epochs=10))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"test_time_sizes": [24, 4]}, "sizes from 8 to 4096 px"),
        ({"architecture": "squeezenet1_1", "test_time_sizes": [8]}, "squeezenet1_1 can't see images of 8 px"),
        ({"test_time_sizes": [24]}, "which the network sees anyway"),
    ],
)
def test_sizes_at_test_time_are_tried_before_training(
    model: dict[str, Any], message: str, small_recipe: MakeRecipe, tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(RecipeError, match=message):
        run_fit(small_recipe(model=model, training={"epochs": 1}), tmp_path / "run", settings)
