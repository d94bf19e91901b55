"""SimSiam, BYOL and DINO against the formulas of their papers, and what learns and what follows."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.training.pretraining.methods import Byol, Dino, SimSiam, build_method
from sentinode.training.pretraining.pretrain_recipe import PretrainingConfig


def _config(method: str) -> PretrainingConfig:
    return PretrainingConfig.model_validate({"method": method, "projection_size": 16, "prototypes": 24})


def _views(count: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(3)
    return [torch.randn(6, 3, 16, 16) for _ in range(count)]


def _made(method: str) -> SimSiam | Byol | Dino:
    torch.manual_seed(0)
    made = build_method(build_network(ModelConfig(architecture="cnn3"), 1), _config(method)).train()
    assert isinstance(made, SimSiam | Byol | Dino)
    return made


def _cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    a, b = one.detach().double().numpy(), other.detach().double().numpy()
    return float(np.mean((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)))


def test_simsiam_is_equation_2_and_no_gradient_flows_through_the_other_side() -> None:
    method, views = _made("simsiam"), _views()
    assert isinstance(method, SimSiam)
    z = [method.project(view) for view in views]
    p = [method.predictor(each) for each in z]
    expected = -_cosine(p[0], z[1]) / 2 - _cosine(p[1], z[0]) / 2
    learned = method(views)
    assert learned.loss.item() == pytest.approx(expected, abs=1e-6)
    learned.loss.backward()
    gradient = method.projector[0].weight.grad.clone()
    method.zero_grad()
    # With the other side held as a constant the gradient is the same one.
    z = [method.project(view) for view in views]
    constants = [each.detach().clone() for each in z]
    sides = [functional.cosine_similarity(method.predictor(z[i]), constants[1 - i]).mean() for i in (0, 1)]
    (-(sides[0] + sides[1]) / 2).backward()
    torch.testing.assert_close(gradient, method.projector[0].weight.grad, atol=1e-6, rtol=1e-4)


def test_byol_compares_with_a_teacher_that_follows_slowly() -> None:
    method, views = _made("byol"), _views()
    assert isinstance(method, Byol)
    network, projector = method.teacher
    t = [projector(network(view)[1]) for view in views]
    p = [method.predictor(method.project(view)) for view in views]
    learned = method(views)
    assert learned.loss.item() == pytest.approx(-_cosine(p[0], t[1]) / 2 - _cosine(p[1], t[0]) / 2, abs=1e-6)
    learned.loss.backward()
    assert all(parameter.grad is None for parameter in method.teacher.parameters())
    before = projector[0].weight.clone()
    with torch.no_grad():
        method.projector[0].weight.add_(1.0)
    method.follow(0.9)
    torch.testing.assert_close(projector[0].weight, 0.9 * before + 0.1 * method.projector[0].weight)


def test_dino_is_the_cross_entropy_of_equation_3_over_all_pairs_of_different_views() -> None:
    method, views = _made("dino"), _views(3)
    assert isinstance(method, Dino)
    with torch.no_grad():
        network, head = method.teacher
        taught = [head(network(view)[1]).double() for view in views[:2]]
        answers = [method.head(method.student(view)[1]).double() for view in views]
    pairs = [
        -(functional.softmax(t / 0.04, 1) * functional.log_softmax(s / 0.1, 1)).sum(1).mean()
        for number, t in enumerate(taught)
        for place, s in enumerate(answers)
        if number != place
    ]
    learned = method(views)
    assert learned.loss.item() == pytest.approx(torch.stack(pairs).mean().item(), abs=1e-4)
    centre = torch.cat(taught).mean(0)
    torch.testing.assert_close(method.cross_entropy.center.squeeze().double(), 0.1 * centre, atol=1e-6, rtol=1e-4)
    assert method.backbone is network
