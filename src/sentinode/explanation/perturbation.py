"""Maps from answers alone, by Captum: occlusion, and LIME on superpixels. They need no network, only an engine."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentinode.core.extras import require
from sentinode.explanation.blur import blurred
from sentinode.explanation.explainable_model import TILES_AT_ONCE, ExplainableModel

WINDOWS_ALONG = 6
"""Windows of occlusion along a side, without overlap; they move by half their side."""

SAMPLES = 200
"""Perturbed tiles that LIME asks about."""

SUPERPIXELS = 48
"""That SLIC aims at; of a PCam patch, each is about two nuclei wide."""

_KERNEL_WIDTH = 0.25  # as in the authors' implementation for images


class Occlusion:
    """What the log-odds lose when a window is blurred (Zeiler and Fergus 2014): signed, the mean over windows."""

    signed = True

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32: log-odds."""
        method = require("captum.attr", extra="explain").Occlusion(_answers(model, target))
        height, width = (max(2, side // WINDOWS_ALONG) for side in tiles.shape[1:3])
        parts = [
            method.attribute(
                torch.from_numpy(tile[None].astype(np.float32)),
                sliding_window_shapes=(height, width, 3),
                strides=(height // 2, width // 2, 3),
                baselines=torch.from_numpy(blurred(tile[None]).astype(np.float32)),
                perturbations_per_eval=TILES_AT_ONCE,
            )
            for tile in tiles
        ]
        return torch.cat(parts)[..., 0].numpy().astype(np.float32)


class Lime:
    """A linear model of which superpixels are sharp and which are blurred (Ribeiro et al. 2016): signed."""

    signed = True

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32: each superpixel's coefficient, log-odds."""
        attr = require("captum.attr", extra="explain")
        linear = require("captum._utils.models.linear_model", extra="explain")
        require("sklearn", extra="explain")
        method = attr.Lime(
            _answers(model, target),
            interpretable_model=linear.SkLearnRidge(alpha=1.0),
            similarity_func=similarity,
            perturb_func=_drawn(self._seed),
        )
        return np.stack([self._map(method, tile) for tile in tiles])

    def _map(self, method: Any, tile: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = torch.from_numpy(superpixels(tile))[None, :, :, None].expand(1, *tile.shape)
        found = method.attribute(
            torch.from_numpy(tile[None].astype(np.float32)),
            baselines=torch.from_numpy(blurred(tile[None]).astype(np.float32)),
            feature_mask=parts,
            n_samples=SAMPLES,
            perturbations_per_eval=TILES_AT_ONCE,
        )
        return np.asarray(found[0, :, :, 0].numpy(), np.float32)


def superpixels(tile: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(H, W, 3) → (H, W): pieces of like colour (SLIC, Achanta et al. 2012), numbered from 0 without a gap."""
    slic = require("skimage.segmentation", extra="explain").slic
    found = slic(tile, n_segments=SUPERPIXELS, compactness=10, sigma=1, start_label=0)
    return np.unique(found, return_inverse=True)[1].reshape(found.shape).astype(np.int64)


def similarity(_original: Tensor, _perturbed: Tensor, sharp: Tensor, **_: Any) -> float:
    """How near a perturbed tile is: exp(−d² / w²) ^ ½, d the cosine distance between its superpixels and all."""
    distance = 1 - float(sharp.float().mean()) ** 0.5
    return float(np.exp(-(distance**2) / (2 * _KERNEL_WIDTH**2)))


def _drawn(seed: int) -> Callable[..., Iterator[Tensor]]:
    """Which superpixels stay sharp, each by a coin: the whole tile first, and the same ones for every tile."""

    def draw(_original: Tensor, **values: Any) -> Iterator[Tensor]:
        generator, count = torch.Generator().manual_seed(seed), int(values["num_interp_features"])
        yield torch.ones(1, count)
        while True:
            yield torch.randint(0, 2, (1, count), generator=generator).float()

    return draw


def _answers(model: ExplainableModel, target: int) -> Callable[[Tensor], Tensor]:
    """The engine as a function of tensors. Sharp and blurred pixels are whole numbers, so nothing is rounded."""

    def ask(pixels: Tensor) -> Tensor:
        return torch.from_numpy(model.log_odds(pixels.round().to(torch.uint8).numpy(), target))

    return ask
