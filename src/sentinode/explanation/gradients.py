"""Maps from the gradient at the pixels, by Captum: saliency and integrated gradients."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentinode.core.extras import require
from sentinode.explanation.blur import blurred
from sentinode.explanation.explainable_model import GRADIENT_PIXELS, ExplainableModel

STEPS = 24
"""Points of the integral; with Gauss and Legendre's points."""


class Saliency:
    """The largest absolute gradient of a pixel's colours (Simonyan et al. 2014): unsigned."""

    signed = False

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32 ≥ 0: log-odds per grey level."""
        saliency = require("captum.attr", extra="explain").Saliency(lambda pixels: model.score(pixels, target))
        with model.lock:
            parts = [saliency.attribute(model.pixels(part), abs=True) for part in model.for_gradients(tiles)]
        return _numpy(torch.cat(parts).amax(3))


class IntegratedGradients:
    """The gradient along the way from the blurred tile to the tile (Sundararajan et al. 2017): signed.

    The sum of a map is, but for the integral's error, the log-odds of the tile less those of the blurred tile.
    """

    signed = True

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32: what the pixel's change from blurred to sharp adds."""
        method = require("captum.attr", extra="explain").IntegratedGradients(lambda at: model.score(at, target))
        seen = model.info.pixels_an_image(*tiles.shape[1:3])
        found = []
        for number in range(len(tiles)):
            tile = tiles[number : number + 1]
            next(model.for_gradients(tile))  # refuses what is too large
            with model.lock:
                found.append(
                    method.attribute(
                        model.pixels(tile),
                        baselines=model.pixels(blurred(tile)).detach(),
                        n_steps=STEPS,
                        internal_batch_size=max(1, GRADIENT_PIXELS // seen),
                    ).detach()
                )
        return _numpy(torch.cat(found).sum(3))


def _numpy(maps: Tensor) -> NDArray[np.float32]:
    return maps.detach().cpu().numpy().astype(np.float32)
