"""Maps from activations and their gradient: Grad-CAM, Grad-CAM++, LayerCAM and the exact class activation map.

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
from sentinode.explanation.explainable_model import ExplainableModel, members_of
from sentinode.explanation.layers import as_maps, find_layer, finer_layers, pooled_layers
from sentinode.explanation.projection import joined_tiles, spread, turned_back
from sentinode.explanation.receptive_fields import Centres, cell_centres
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.networks.network import PooledNetwork

EXACT = 1e-3
"""Largest part of the score that an exact map may leave out, by rounding."""

Combine = Callable[[Tensor, Tensor], Tensor]
"""Activations and gradients (n, C, h, w), of which the gradient is that of one look's own score, → (n, h, w)."""

Looked = tuple[str, Combine]
"""A layer's name and what makes a map of it."""


@dataclass(eq=False)
class _Layer:
    """A layer that is watched, and what passed it."""

    number: int
    """Place of the member in the ensemble, from 0."""
    member: DeployedModel
    name: str
    combine: Combine
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
    """Channels weighed by their positive gradients, shared out by place (Chattopadhyay et al. 2018, equation 19).

    The derivatives are those of exp(score), with the score linear in the maps: powers of its gradient, times
    exp(score), which scales the whole map and is left out.
    """
    squared, cubed = gradients**2, gradients**3
    below = 2 * squared + activations.sum((2, 3), keepdim=True) * cubed
    share = torch.where(below != 0, squared / torch.where(below != 0, below, 1), 0)
    return (activations * (share * gradients.relu()).sum((2, 3), keepdim=True)).sum(1)


def layer_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Each activation weighed by its own gradient where that is positive (Jiang et al. 2021)."""
    return (activations * gradients.relu()).sum(1)


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

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32 ≥ 0: mean over all looks, turned back, negative parts cut off."""
        members = members_of(model.network())
        names = model.known(("layer", self._layer), lambda: [find_layer(each, self._layer) for each in members])
        looked = _with([[name] for name in names], self._combine)
        return np.asarray(np.maximum(layer_maps(model, tiles, target, looked).sum(0), 0), np.float32)


class LayerCam:
    """Maps of several sizes in one: fine ones say which nuclei, the coarse one which part of the tile; unsigned.

    LayerCAM of the last layer of each size, and Grad-CAM of the last of all, which there is the more faithful one. Each
    is divided by its sum, and the mean is taken, so that none outweighs the others by its scale.
    """

    signed = False

    def __init__(self, layer: str | None) -> None:
        self._layer = layer

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32 ≥ 0, whose sum is 1, or 0 where nothing speaks for the class."""
        members = members_of(model.network())
        if self._layer is None:
            fine = model.known("finer", lambda: [finer_layers(each) for each in members])
            last = model.known(("layer", None), lambda: [find_layer(each, None) for each in members])
        else:
            fine = model.known(("layer", self._layer), lambda: [[find_layer(each, self._layer)] for each in members])
            last = []
        looked = _with(fine, layer_cam)
        for names, name in zip(looked, last, strict=False):
            names.append((name, grad_cam))
        maps = np.maximum(layer_maps(model, tiles, target, looked), 0)
        sums = maps.sum((2, 3), keepdims=True)
        maps = maps / np.where(sums > 0, sums, 1)
        found = maps.sum(0)
        return np.asarray(found / np.maximum((sums > 0).sum(0), 1), np.float32)


class ExactClassActivation:
    """The linear weights back to the image: a signed map whose sum, with a constant, is the log-odds."""

    signed = True

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32, whose sum is the log-odds less a constant of the model.

        Raises:
            SentinodeError: It is not, with this model.
        """
        maps: NDArray[np.float32] = layer_maps(model, tiles, target, _with(last_layers(model), contributions)).sum(0)
        odds = model.log_odds(tiles, target)
        missing = np.abs(odds - maps.sum((1, 2)) - constant_of(model, tiles[:1], target))
        if (missing > EXACT * np.maximum(1, np.abs(odds))).any():
            raise SentinodeError(
                f"the score of {model.info.name} is not linear in its last map (by {missing.max():.2g}); use gradcam"
            )
        return maps


def constant_of(model: ExplainableModel, tiles: NDArray[np.uint8], target: int) -> float:
    """The log-odds where the last map is zero everywhere: the constant of an exact map."""
    layers = _layers(model, _with(last_layers(model), contributions))
    with model.lock, torch.no_grad(), _watched(layers, zero=True):
        return float(model.score(model.pixels(tiles[:1]), target)[0])


def last_layers(model: ExplainableModel) -> list[list[str]]:
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
    model: ExplainableModel, tiles: NDArray[np.uint8], target: int, looked: list[list[Looked]]
) -> NDArray[np.float32]:
    """(N, H, W, 3) uint8 → (layers, N, H, W): a map of every look at each layer, turned back to the tile and added up.

    Args:
        model: Whose network is looked into.
        tiles: N tiles or images.
        target: The class.
        looked: For each member of the model, its layers. A sum over looks is weighed as the model weighs them.
    """
    layers = _layers(model, looked)
    key = ("places", tuple((layer.number, layer.name) for layer in layers))
    placed = model.known(key, lambda: [_places(layer) for layer in layers])
    parts = []
    for part in model.for_gradients(tiles):
        with model.lock, _watched(layers):
            score = model.score(model.pixels(part), target).sum()
            outputs = [output for layer in layers for output in layer.outputs]
            gradients = iter(torch.autograd.grad(score, outputs, allow_unused=True))
        found = np.zeros((len(layers), *part.shape[:3]), np.float32)
        for total, layer, places in zip(found, layers, placed, strict=True):
            for output, (rows, columns) in zip(layer.outputs, places, strict=True):
                side = layer.member.preprocessing.tile_size
                maps = torch.from_numpy(spread(_cells(layer, output, next(gradients)), rows, columns, side, side))
                if layer.member.test_time == "d4":
                    maps = turned_back(maps).sum(0)  # not the cells: they need not lie alike from left and from right
                total += _on_tiles(maps.numpy(), total.shape)
        parts.append(found)
    return np.concatenate(parts, axis=1)


def _places(layer: _Layer) -> list[tuple[Centres, Centres]]:
    """For each size: where the cells lie, in pixels of the tile."""
    found = []
    for size in layer.sizes:
        scale = layer.member.preprocessing.tile_size / size
        rows, columns = cell_centres(layer.member.network, size, [layer.name])[layer.name]
        found.append((tuple(scale * at for at in rows), tuple(scale * at for at in columns)))
    return found


def _cells(layer: _Layer, output: Tensor, gradient: Tensor | None) -> NDArray[np.float32]:
    """One pass through a layer, of all orientations at one size → (n, h, w)."""
    gradient = torch.zeros_like(output) if gradient is None else gradient
    activations, slopes = (as_maps(each, layer.member.network) for each in (output.detach(), gradient))
    if activations is None or slopes is None:
        raise SentinodeError("a layer gave a map at one time and none at another; name another layer")
    return np.asarray((layer.combine(activations, slopes * layer.views) / layer.views).cpu().numpy(), np.float32)


def _on_tiles(maps: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Maps of tiles → of the images (N, H, W) that the tiles were cut from, if they were."""
    return maps if maps.shape == shape else joined_tiles(maps, shape[1], shape[2])


def _layers(model: ExplainableModel, looked: list[list[Looked]]) -> list[_Layer]:
    members = members_of(model.network())
    return [
        _Layer(number, member, name, combine)
        for number, (member, own) in enumerate(zip(members, looked, strict=True))
        for name, combine in own
    ]


def _with(names: list[list[str]], combine: Combine) -> list[list[Looked]]:
    return [[(name, combine) for name in own] for own in names]


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
