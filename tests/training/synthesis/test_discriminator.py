"""The discriminator: features that never learn, heads of every scale, and batches of one image that stand out."""

import copy
from pathlib import Path

import pytest
import torch

from sentinode.core.errors import WeightsError
from sentinode.training.synthesis.discriminator import Discriminator, FrozenFeatures


def test_features_stay_what_they_are_while_heads_learn() -> None:
    torch.manual_seed(0)
    features, judge = FrozenFeatures("none"), Discriminator(32, 2)
    before = copy.deepcopy(features.state_dict())
    fixed = judge.across_scales[0].weight.clone()
    features.train()
    optimizer = torch.optim.Adam([one for one in judge.parameters() if one.requires_grad], 0.01)
    images, classes = torch.rand(6, 3, 32, 32, requires_grad=True), torch.tensor([0, 1] * 3)
    torch.stack([logits.mean() for logits in judge(judge.mix(features(images)), classes)]).sum().backward()
    optimizer.step()
    assert images.grad is not None
    assert float(images.grad.abs().sum()) > 0  # a generator learns through them
    assert all(torch.equal(value, before[name]) for name, value in features.state_dict().items())
    assert torch.equal(judge.across_scales[0].weight, fixed)


def test_missing_weights_are_named_by_their_own_key(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights file .*; check synthesis\.weights"):
        FrozenFeatures(str(tmp_path / "none.safetensors"))


def test_each_scale_has_a_head_and_the_class_has_a_say() -> None:
    torch.manual_seed(1)
    features, judge = FrozenFeatures("none"), Discriminator(64, 2)
    images = torch.rand(4, 3, 64, 64)
    maps = judge.mix(features(images))
    assert [each.shape[2] for each in maps] == [32, 16, 8, 4]
    zero, one = torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long)
    judge.eval()  # spectral norms stay
    with torch.no_grad():
        first, second = judge(maps, zero), judge(maps, one)
    assert [tuple(logits.shape) for logits in first] == [(4, 4, 4)] * 4
    assert all(float((a - b).abs().max()) > 1e-3 for a, b in zip(first, second, strict=True))


def test_coarse_scales_are_mixed_into_the_finest() -> None:
    torch.manual_seed(2)
    judge = Discriminator(64, 1).eval()
    maps = [torch.rand(3, channels, side, side) for channels, side in ((16, 32), (24, 16), (40, 8), (112, 4))]
    other = [*maps[:3], torch.rand(3, 112, 4, 4)]
    assert float((judge.mix(maps)[0] - judge.mix(other)[0]).abs().max()) > 1e-3
