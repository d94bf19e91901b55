import pytest
import torch
from torch import nn

from sentinode.training.schedules import build_optimizer, build_plateau, build_schedule
from sentinode.training.training_config import TrainingConfig


def rates(config: TrainingConfig, steps: int) -> list[float]:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    optimizer = build_optimizer(network, "1", config)
    schedule = build_schedule(optimizer, config, steps_per_epoch=10)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return seen


def test_cosine_with_warm_up_rises_then_falls_to_the_minimum() -> None:
    config = TrainingConfig(
        epochs=4, learning_rate=1.0, schedule="cosine", warmup_epochs=1, minimum_learning_rate=0.1, optimizer="sgd"
    )
    seen = rates(config, 41)
    assert seen[0] == pytest.approx(1e-3)
    assert seen[10] == pytest.approx(1.0)
    assert seen[40] == pytest.approx(0.1)
    assert seen[:11] == sorted(seen[:11])
    assert seen[10:] == sorted(seen[10:], reverse=True)


def test_one_cycle_peaks_after_its_warm_up() -> None:
    seen = rates(TrainingConfig(epochs=4, learning_rate=1.0, schedule="one-cycle", warmup_epochs=1), 40)
    assert max(seen) == pytest.approx(1.0)
    assert seen.index(max(seen)) in (9, 10)
    assert seen[-1] < 1e-3


def test_a_constant_rate_stays() -> None:
    assert set(rates(TrainingConfig(learning_rate=0.5, schedule="constant"), 5)) == {0.5}


def test_plateau_halves_after_its_patience_down_to_the_minimum() -> None:
    config = TrainingConfig(
        learning_rate=8e-6, schedule="plateau", plateau_patience=1, minimum_learning_rate=1e-6, monitor="auc"
    )
    optimizer = build_optimizer(nn.Linear(1, 1), "none", config)
    plateau = build_plateau(optimizer, config)
    assert plateau is not None
    seen = []
    for figure in [0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]:
        plateau.step(figure)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen[:3] == pytest.approx([8e-6, 8e-6, 4e-6])
    assert seen[-1] == pytest.approx(1e-6)
    assert build_schedule(optimizer, config, 10) is None


def test_the_head_learns_faster_and_frozen_parameters_are_left_out() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    network[0].bias.requires_grad_(False)
    config = TrainingConfig(learning_rate=0.1, head_learning_rate_factor=5, optimizer="adam")
    body, head = build_optimizer(network, "1", config).param_groups
    assert (body["lr"], head["lr"]) == pytest.approx((0.1, 0.5))
    assert [len(body["params"]), len(head["params"])] == [1, 2]


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_optimisers_by_name(name: str, kind: type) -> None:
    config = TrainingConfig.model_validate({"optimizer": name, "weight_decay": 0.01})
    optimizer = build_optimizer(nn.Linear(1, 1), "none", config)
    assert type(optimizer) is kind
    assert optimizer.param_groups[0]["weight_decay"] == 0.01


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
@pytest.mark.parametrize(("epochs", "warmup"), [(1, 0), (1, 0.9), (2, 1), (3, 2)])
def test_a_schedule_of_one_step_an_epoch_works(schedule: str, epochs: int, warmup: float) -> None:
    config = TrainingConfig.model_validate(
        {"epochs": epochs, "learning_rate": 1.0, "schedule": schedule, "warmup_epochs": warmup}
    )
    optimizer = build_optimizer(nn.Linear(2, 2), "head", config)
    build_schedule(optimizer, config, steps_per_epoch=1)
    assert 0 < optimizer.param_groups[0]["lr"] <= 1
