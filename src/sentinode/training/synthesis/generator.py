"""The generator: from a class, a vector and maps of noise to an image.

Layers are StyleGAN2's (Karras et al. 2020, arXiv:1912.04958): weights modulated by a style, and demodulated. It starts
from a map of noise, not from a learned one, and pads in circles, so that no place of an image is known to it (spatial
GANs: Jetchev et al. 2016, arXiv:1611.08207). Tissue has no up and no middle, and a generator that knows its place
learns one image a class by heart when it is trained for minutes. What is lost: that something lies in the middle can't
be learned.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

_DOUBLINGS = 4
_WIDEST = 192
_SLOPE = 0.2
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))
"""By which a leaky ReLU keeps the variance (He et al. 2015)."""
_SMALL = 0.2
"""Of the classes' vectors, which are brought to length 1: the smaller they are, the faster they turn."""
_PARTS_OF_NOISE = 8
"""One channel in so many is noise."""
_BATCH = 64


@dataclass(frozen=True)
class GeneratorShape:
    """All that a generator is built from."""

    side: int
    """Of an image, in pixels; a multiple of 16."""
    classes: int
    channels: int
    latent_size: int

    @property
    def sides(self) -> tuple[int, ...]:
        """Of the maps, from the coarsest on."""
        return tuple(self.side >> halvings for halvings in range(_DOUBLINGS, -1, -1))

    def width(self, side: int) -> int:
        """Channels of the maps of that side."""
        return min(_WIDEST, self.channels * self.side // side)

    def noise_width(self, side: int) -> int:
        """Channels of noise beside them."""
        return max(1, self.width(side) // _PARTS_OF_NOISE)


class Noise(NamedTuple):
    """What an image is drawn from, beside its class."""

    latent: Tensor
    """(N, L)."""
    maps: list[Tensor]
    """(N, c, s, s) for each side, the coarsest first."""


def draw_noise(shape: GeneratorShape, count: int, generator: torch.Generator | None = None) -> Noise:
    """Standard normal numbers, on the CPU; of torch's own randomness where no generator is given."""
    latent = torch.randn(count, shape.latent_size, generator=generator)
    maps = [torch.randn(count, shape.noise_width(side), side, side, generator=generator) for side in shape.sides]
    return Noise(latent, maps)


class Generator(nn.Module):
    """(noise, class) → image.

    Examples:
        >>> shape = GeneratorShape(side=32, classes=2, channels=4, latent_size=8)
        >>> Generator(shape)(draw_noise(shape, 3), torch.tensor([0, 1, 1])).shape
        torch.Size([3, 3, 32, 32])
    """

    palette: Tensor
    middle: Tensor

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("palette", torch.eye(3))
        self.register_buffer("middle", torch.zeros(3))
        style = 2 * shape.latent_size
        self.classes = nn.Embedding(shape.classes, shape.latent_size)
        nn.init.normal_(self.classes.weight, std=_SMALL)
        self.mapping = nn.ModuleList([Dense(style, style), Dense(style, style)])
        first = shape.sides[0]
        self.start = nn.Conv2d(shape.noise_width(first), shape.width(first), kernel_size=1)
        self.blocks = nn.ModuleList(
            Block(shape.width(max(first, side // 2)), shape.noise_width(side), shape.width(side), style, side > first)
            for side in shape.sides
        )

    def forward(self, noise: Noise, classes: Tensor) -> Tensor:
        """Noise of N images and their classes (N,) → (N, 3, S, S), about -1 to 1."""
        style = torch.cat([_unit(noise.latent), _unit(self.classes(classes))], dim=1)
        for layer in self.mapping:
            style = _active(layer(style))
        maps = _active(self.start(noise.maps[0]))
        image: Tensor | None = None
        for place, block in enumerate(self.blocks):
            maps, added = block(maps, noise.maps[place], style)
            image = added if image is None else _enlarged(image) + added
        assert image is not None
        image = image * len(self.blocks) ** -0.5
        return torch.einsum("ij,njhw->nihw", self.palette, image) + self.middle[:, None, None]

    def take_colours(self, images: Tensor) -> None:
        """Begin with the colours of real images: their mean, and the root of their covariance. Colours are then right
        from the first step, and what is left to learn is where they go.

        Args:
            images: (N, 3, S, S), -1 to 1.
        """
        pixels = images.permute(1, 0, 2, 3).reshape(3, -1).double()
        values, vectors = torch.linalg.eigh(torch.cov(pixels))
        self.palette = ((vectors * values.clamp(min=0).sqrt()) @ vectors.T).to(self.palette)
        self.middle = pixels.mean(dim=1).to(self.middle)


class Block(nn.Module):
    """A convolution before maps are enlarged, where it costs a quarter, one after, and what they add to the image."""

    def __init__(self, inputs: int, noise: int, outputs: int, style: int, enlarges: bool) -> None:
        super().__init__()
        self.first = ModulatedConv(inputs, outputs, style, kernel=3)
        self.second = ModulatedConv(outputs + noise, outputs, style, kernel=3)
        self.colours = ModulatedConv(outputs, 3, style, kernel=1)
        self.enlarges = enlarges

    def forward(self, maps: Tensor, noise: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, C, s / 2, s / 2), or already of s; noise (N, c, s, s), style (N, D) → maps (N, C', s, s) and colours
        (N, 3, s, s)."""
        maps = _active(self.first(maps, style))
        if self.enlarges:
            maps = _enlarged(maps)
        maps = _active(self.second(torch.cat([maps, noise], dim=1), style))
        return maps, self.colours(maps, style)


class Dense(nn.Module):
    """A linear layer whose weights are scaled when they are used (Karras et al. 2018, arXiv:1710.10196, section 4.1),
    so that all layers learn at one pace."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.scale = inputs**-0.5

    def forward(self, values: Tensor) -> Tensor:
        """(N, I) → (N, O)."""
        return functional.linear(values, self.weight * self.scale, self.bias)


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style, and whose output is divided by what that does to its
    variance (StyleGAN2, equations 1 and 3). Maps are scaled in place of weights, which comes to the same and needs no
    convolution of its own for each image.
    """

    def __init__(self, inputs: int, outputs: int, style: int, *, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.style = Dense(style, inputs, bias=1.0)
        self.scale = (inputs * kernel**2) ** -0.5
        self.padding = kernel // 2
        self.demodulated = kernel > 1  # colours are not: how strong they are is what is asked

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """Maps (N, I, s, s) and style (N, D) → (N, O, s, s)."""
        scales, weight = self.style(style), self.weight * self.scale
        maps = maps * scales[:, :, None, None]
        if self.padding:
            maps = functional.pad(maps, [self.padding] * 4, mode="circular")
        out = functional.conv2d(maps, weight)
        if self.demodulated:
            variance = scales.square() @ weight.square().sum((2, 3)).T  # (N, O)
            out = out * torch.rsqrt(variance + 1e-8)[:, :, None, None]
        return out + self.bias[:, None, None]


@torch.no_grad()
def draw_images(generator: Generator, classes: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Draw an image of each class that is asked for.

    Args:
        generator: Trained, on the CPU.
        classes: (N,) numbers of classes.
        seed: The same one gives the same images.

    Returns:
        (N, S, S, 3) uint8, RGB.
    """
    source = torch.Generator().manual_seed(seed)
    parts = []
    for start in range(0, len(classes), _BATCH):
        # Always a whole batch: the first images are then the same, to the byte, however many are drawn.
        some = torch.from_numpy(np.resize(classes[start : start + _BATCH], _BATCH))
        parts.append(to_bytes(generator(draw_noise(generator.shape, _BATCH, source), some)))
    return np.concatenate(parts)[: len(classes)]


def to_bytes(images: Tensor) -> NDArray[np.uint8]:
    """(N, 3, S, S), -1 to 1 → (N, S, S, 3) uint8."""
    pixels = ((images.detach().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()


def _unit(vectors: Tensor) -> Tensor:
    """At a mean square of 1."""
    return vectors * torch.rsqrt(vectors.square().mean(dim=1, keepdim=True) + 1e-8)


def _active(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, _SLOPE) * _GAIN


def _enlarged(maps: Tensor) -> Tensor:
    """Twice as large; in circles, too."""
    maps = functional.pad(maps, [1] * 4, mode="circular")
    return functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)[:, :, 2:-2, 2:-2]
