"""Maps from a layer's activations and the gradient there: Grad-CAM, Grad-CAM++, and the exact class activation map.

Captum's layer methods expect a layer to be passed once for each image. A deployed model passes it once for each size,
with eight orientations of every tile, so activations and gradients are gathered here; of a single look, the tests hold
Grad-CAM against Captum's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sentinode.core.errors import SentinodeError
from sentinode.explanation.geometry import Centres, cell_centres
from sentinode.explanation.layers import as_maps, find_layer, pooled_layers
from sentinode.explanation.opened import OpenedModel, members_of
from sentinode.explanation.spreading import joined_tiles, spread, turned_back
from sentinode.models.deployed import DeployedModel
from sentinode.models.networks import PooledNetwork

EXACT = 1e-3
"""Largest part of the score that an exact map may leave out, by rounding."""

Combine = Callable[[Tensor, Tensor], Tensor]
"""Activations and gradients (n, C, h, w), of which the gradient is that of one look's own score, → (n, h, w)."""


@dataclass(eq=False)
class _Layer:
    """A layer that is watched, and what passed it."""

    member: DeployedModel
    name: str
    outputs: list[Tensor] = field(default_factory=list)

    @property
    def module(self) -> nn.Module:
        return self.member.network.get_submodule(self.name)

    @property
    def sizes(self) -> list[int]:
        """Sides of the images that the network gets one after the other, in pixels."""
        return [each.input_size for each in (self.member.preprocessing, *self.member.further)]

    @property
    def views(self) -> int:
        """Looks that the member averages over."""
        return (8 if self.member.test_time == "d4" else 1) * (1 + len(self.member.further))


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Channels weighed by their mean gradient (Selvaraju et al. 2017), before negative parts are cut off."""
    return (activations * gradients.mean((2, 3), keepdim=True)).sum(1)


def grad_cam_plus_plus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Channels weighed by their positive gradients, shared out by place (Chattopadhyay et al. 2018, equation 19)."""
    squared, cubed = gradients**2, gradients**3
    below = 2 * squared + activations.sum((2, 3), keepdim=True) * cubed
    share = torch.where(below != 0, squared / torch.where(below != 0, below, 1), 0)
    return (activations * (share * gradients.relu()).sum((2, 3), keepdim=True)).sum(1)


def contributions(activations: Tensor, gradients: Tensor) -> Tensor:
    """What each cell adds to the score where pooling and head are linear in the maps (Zhou et al. 2016).

    Means and maxima are homogeneous of degree one, so that activation times gradient sums up to the score (Euler).
    """
    return (activations * gradients).sum(1)


class ClassActivation:
    """Grad-CAM or Grad-CAM++ at one layer: unsigned, the more the stronger it speaks for the class."""

    signed = False

    def __init__(self, combine: Combine, layer: str | None) -> None:
        self._combine = combine
        self._layer = layer

    def maps(self, model: OpenedModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32 ≥ 0: mean over all looks, turned back, negative parts cut off."""
        members = members_of(model.network())
        names = model.known(("layer", self._layer), lambda: [[find_layer(each, self._layer)] for each in members])
        return np.maximum(layer_maps(model, tiles, target, names, self._combine), 0)


class ExactClassActivation:
    """The linear weights back to the image: a signed map whose sum, with a constant, is the log-odds."""

    signed = True

    def maps(self, model: OpenedModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32, whose sum is the log-odds less a constant of the model.

        Raises:
            SentinodeError: It is not, with this model.
        """
        maps = layer_maps(model, tiles, target, last_layers(model), contributions)
        odds = model.log_odds(tiles, target)
        missing = np.abs(odds - maps.sum((1, 2)) - constant_of(model, tiles[:1], target))
        if (missing > EXACT * np.maximum(1, np.abs(odds))).any():
            raise SentinodeError(
                f"the score of {model.info.name} is not linear in its last map (by {missing.max():.2g}); use gradcam"
            )
        return maps


def constant_of(model: OpenedModel, tiles: NDArray[np.uint8], target: int) -> float:
    """The log-odds where the last map is zero everywhere: the constant of an exact map."""
    layers = _layers(model, last_layers(model))
    with model.lock, torch.no_grad(), _watched(layers, zero=True):
        return float(model.score(model.pixels(tiles[:1]), target)[0])


def last_layers(model: OpenedModel) -> list[list[str]]:
    """For each member the layers whose maps are pooled into the embedding."""
    networks = [(member, member.network) for member in members_of(model.network())]
    return model.known(
        "last layers",
        lambda: [
            pooled_layers(network) if isinstance(network, PooledNetwork) else [find_layer(member, None)]
            for member, network in networks
        ],
    )


def layer_maps(
    model: OpenedModel, tiles: NDArray[np.uint8], target: int, names: list[list[str]], combine: Combine
) -> NDArray[np.float32]:
    """(N, H, W, 3) uint8 → (N, H, W): `combine` of every look at the layers, turned back to the tile and added up.

    Args:
        model: Whose network is looked into.
        tiles: N tiles or images.
        target: The class.
        names: For each member of the model, its layers.
        combine: From activations and gradients to a map; the sum is weighed as the model weighs its looks.
    """
    layers = _layers(model, names)
    key = ("places", tuple(map(tuple, names)))
    placed = model.known(key, lambda: [_places(layer) for layer in layers])
    parts = []
    for part in model.for_gradients(tiles):
        with model.lock, _watched(layers):
            score = model.score(model.pixels(part), target).sum()
            outputs = [output for layer in layers for output in layer.outputs]
            gradients = iter(torch.autograd.grad(score, outputs, allow_unused=True))
        total = np.zeros(part.shape[:3], np.float32)
        for layer, places in zip(layers, placed, strict=True):
            for output, (rows, columns) in zip(layer.outputs, places, strict=True):
                cells = _cells(layer, output, next(gradients), combine)
                side = layer.member.preprocessing.tile_size
                maps = torch.from_numpy(spread(cells, rows, columns, side, side))
                if layer.member.test_time == "d4":
                    maps = turned_back(maps).sum(0)  # not the cells: they need not lie alike from left and from right
                total += _on_tiles(maps.numpy(), total.shape)
        parts.append(total)
    return np.concatenate(parts)


def _places(layer: _Layer) -> list[tuple[Centres, Centres]]:
    """For each size: where the cells lie, in pixels of the tile."""
    found = []
    for size in layer.sizes:
        scale = layer.member.preprocessing.tile_size / size
        rows, columns = cell_centres(layer.member.network, size, [layer.name])[layer.name]
        found.append((tuple(scale * at for at in rows), tuple(scale * at for at in columns)))
    return found


def _cells(layer: _Layer, output: Tensor, gradient: Tensor | None, combine: Combine) -> NDArray[np.float32]:
    """One pass through a layer, of all orientations at one size → (n, h, w)."""
    gradient = torch.zeros_like(output) if gradient is None else gradient
    activations, slopes = (as_maps(each, layer.member.network) for each in (output.detach(), gradient))
    if activations is None or slopes is None:
        raise SentinodeError("a layer gave a map at one time and none at another; name another layer")
    return np.asarray((combine(activations, slopes * layer.views) / layer.views).cpu().numpy(), np.float32)


def _on_tiles(maps: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Maps of tiles → of the images (N, H, W) that the tiles were cut from, if they were."""
    return maps if maps.shape == shape else joined_tiles(maps, shape[1], shape[2])


def _layers(model: OpenedModel, names: list[list[str]]) -> list[_Layer]:
    members = members_of(model.network())
    return [_Layer(member, name) for member, own in zip(members, names, strict=True) for name in own]


@contextmanager
def _watched(layers: list[_Layer], *, zero: bool = False) -> Iterator[None]:
    """Gather the layers' outputs; with `zero`, put zeros in their place."""

    def hook(layer: _Layer) -> Any:
        def gather(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
            layer.outputs.append(output)
            return torch.zeros_like(output) if zero else None

        return gather

    for layer in layers:
        layer.outputs.clear()
    handles = [layer.module.register_forward_hook(hook(layer)) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
