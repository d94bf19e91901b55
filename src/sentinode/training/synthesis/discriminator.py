"""The discriminator: small heads on frozen features, mixed at random (projected GANs, Sauer et al. 2021,
arXiv:2111.01007).

The features of a network that knows images are what makes a GAN learn in minutes. They are mixed across channels and
scales by random convolutions that never learn, so that no head can lean on a few features that are easily told; each
scale has a head with spectral and batch normalisation. Batches are normalised apart, real and drawn: a generator that
draws the same image again and again is told by its batch.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.network import Network
from sentinode.models.networks.weights import load_weights, weights_named

FEATURES = "tf_efficientnet_lite0"
_TAPS = {0: 16, 1: 24, 2: 40, 4: 112}
"""Stages whose maps are looked at, a half to a sixteenth of the image's side, and their channels."""
_MIXED = 48
_HEAD = 64
_SMALLEST = 4
"""Side to which a head reduces its maps."""


class FrozenFeatures(nn.Module):
    """EfficientNet-Lite0 as far as its fifth stage; it never learns."""

    def __init__(self, weights: str) -> None:
        """Args: `weights` as of `ModelConfig`.

        Raises:
            WeightsError, OfflineError: They can't be had.
        """
        super().__init__()
        config = ModelConfig(architecture=FEATURES, weights=weights)
        network = build_network(config, 1)
        with weights_named("synthesis.weights"):
            load_weights(network, config)
        self.origin = network.origin
        # Depthwise convolutions on a CPU are a quarter faster so.
        frozen: Any = _cut(network).requires_grad_(requires_grad=False).eval()
        self.network = frozen.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(N, 3, S, S), -1 to 1 → maps of a half, a quarter, an eighth and a sixteenth of S."""
        stages: Any = self.network
        maps, found = stages.bn1(stages.conv_stem(images)), []
        for place, stage in enumerate(stages.blocks):
            maps = stage(maps)
            if place in _TAPS:
                found.append(maps)
        return found

    def embed(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) → (N, 112): the mean of the coarsest maps."""
        coarsest: Tensor = self(images)[-1]
        return coarsest.mean((2, 3))

    def train(self, mode: bool = True) -> "FrozenFeatures":
        """Nothing: its batch norms stay as they are."""
        del mode
        return super().train(mode=False)


class Discriminator(nn.Module):
    """Mixes maps of `FrozenFeatures`, and what heads say of them."""

    def __init__(self, side: int, classes: int) -> None:
        """Args: `side` of the images in pixels."""
        super().__init__()
        # Not learned, and still part of a checkpoint: they can't be drawn again when a run goes on.
        self.across_channels = nn.ModuleList(_random(channels, 1) for channels in _TAPS.values())
        self.across_scales = nn.ModuleList(_random(_MIXED, 3) for _ in _TAPS)
        self.heads = nn.ModuleList(Head(side >> place, classes) for place in range(1, len(_TAPS) + 1))

    def forward(self, mixed: list[Tensor], classes: Tensor) -> list[Tensor]:
        """Mixed maps of N images and their classes (N,) → of each head its logits (N, h, w), high for real ones."""
        return [head(maps, classes) for head, maps in zip(self.heads, mixed, strict=True)]

    def mix(self, features: list[Tensor]) -> list[Tensor]:
        """Maps of `FrozenFeatures`, each with all coarser ones in it, in their order; nothing here learns."""
        mixed: list[Tensor] = []
        for maps, channels, scales in zip(
            reversed(features), reversed(self.across_channels), reversed(self.across_scales), strict=True
        ):
            own = channels(maps)
            if mixed:
                own = own + functional.interpolate(mixed[-1], own.shape[2:], mode="bilinear", align_corners=False)
            mixed.append(scales(own))
        return mixed[::-1]


class Head(nn.Module):
    """Maps and a class → logits. The class speaks as the inner product with its own vector (Miyato and Koyama 2018,
    arXiv:1802.05637)."""

    def __init__(self, side: int, classes: int) -> None:
        """Args: `side` of the maps."""
        super().__init__()
        halvings = max(0, math.ceil(math.log2(side / _SMALLEST)))
        widths = [_MIXED] + [_HEAD] * halvings
        self.halved = nn.Sequential(*[_layer(inputs, _HEAD, kernel=4, stride=2) for inputs in widths[:halvings]])
        self.last = _layer(widths[-1] + 1, _HEAD, kernel=3, stride=1)
        self.logits = spectral_norm(nn.Conv2d(_HEAD, 1, kernel_size=1))
        self.classes = nn.Embedding(classes, _HEAD)
        nn.init.normal_(self.classes.weight, std=_HEAD**-0.5)

    def forward(self, maps: Tensor, classes: Tensor) -> Tensor:
        """(N, C, s, s) and (N,) → (N, h, w)."""
        maps = self.last(_with_deviation(self.halved(maps)))
        own: Tensor = self.logits(maps)[:, 0]
        of_class: Tensor = torch.einsum("nchw,nc->nhw", maps, self.classes(classes))
        return own + of_class / math.sqrt(_HEAD)


def _with_deviation(maps: Tensor) -> Tensor:
    """With a further channel: how much the images of the batch differ (Karras et al. 2018, arXiv:1710.10196)."""
    deviation = (maps.var(dim=0, correction=0) + 1e-8).sqrt().mean()
    return torch.cat([maps, deviation.expand(len(maps), 1, *maps.shape[2:])], dim=1)


def _layer(inputs: int, outputs: int, *, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False)),
        nn.BatchNorm2d(outputs, track_running_stats=False),
        nn.LeakyReLU(0.2),
    )


def _random(inputs: int, kernel: int) -> nn.Conv2d:
    convolution = nn.Conv2d(inputs, _MIXED, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(convolution.weight)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution.requires_grad_(requires_grad=False)


def _cut(network: Network) -> Network:
    """Without the stages after the last that is looked at."""
    stages: Any = network
    stages.blocks = nn.Sequential(*list(stages.blocks)[: max(_TAPS) + 1])
    return network
