"""A slide model in torch: its stored weights, and its two ONNX graphs."""

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sentinode.core.errors import BundleError
from sentinode.models.mil.aggregators.aggregator import Aggregator
from sentinode.models.mil.aggregators.table import build_aggregator
from sentinode.models.mil.aggregators.transmil import TransMil
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.models.mil.slide_bundle_info import SlideCalibration
from sentinode.models.mil.square import square
from sentinode.models.onnx_export import trace

_TRACED = 37  # tiles that the graphs are traced with: no size that could be taken for a constant


class Judge(nn.Module):
    """What `aggregator.onnx` computes: hidden features of all tiles to calibrated probabilities and attention."""

    shift: Tensor

    def __init__(self, aggregator: Aggregator, calibration: SlideCalibration) -> None:
        super().__init__()
        self.aggregator = aggregator
        self.scale = calibration.scale
        self.register_buffer("shift", torch.tensor(calibration.shift))

    def forward(self, hidden: Tensor, places: Tensor | None = None) -> tuple[Tensor, ...]:
        """(N, H) → probabilities (K,), logits (K − 1,), attention (N,), and the tiles' logits (N,) where there are any.

        Args:
            hidden: From the encoder.
            places: Of TransMIL in a graph: `square` of N.
        """
        if places is not None and isinstance(self.aggregator, TransMil):
            found = self.aggregator.laid_out(hidden, places)
        else:
            found = self.aggregator.whole(hidden)
        logits = found.logits[0]
        above = torch.sigmoid(logits * self.scale + self.shift)
        edges = torch.cat([above.new_ones(1), above, above.new_zeros(1)])
        answer = (edges[:-1] - edges[1:], logits, found.attention[0])
        return answer if found.instance is None else (*answer, found.instance[0])


class _Encoder(nn.Module):
    """What `encoder.onnx` computes."""

    def __init__(self, aggregator: Aggregator) -> None:
        super().__init__()
        self.aggregator = aggregator

    def forward(self, features: Tensor) -> Tensor:
        """(n, D) → (n, H)."""
        return self.aggregator.encode(features)


def encoder_graph(aggregator: Aggregator) -> ModelProto:
    """Features of some tiles (n, D) → `hidden` (n, H)."""
    features = torch.zeros((_TRACED, aggregator.dim))
    dynamic = {"features": {0: torch.export.Dim("n")}}
    return trace(_Encoder(aggregator).eval(), (features,), inputs=["features"], outputs=["hidden"], dynamic=dynamic)


def aggregator_graph(aggregator: Aggregator, calibration: SlideCalibration) -> ModelProto:
    """`hidden` (N, H) of all tiles → `probabilities`, `logits`, `attention` and, if any, `instance`; see `Judge`."""
    judge = Judge(aggregator, calibration).eval()
    with torch.inference_mode():
        hidden = aggregator.eval().encode(torch.zeros((_TRACED, aggregator.dim)))
    hidden = hidden.clone()
    arguments, dynamic = {"hidden": hidden}, {"hidden": {0: torch.export.Dim.DYNAMIC}}
    if isinstance(aggregator, TransMil):
        arguments["places"] = torch.from_numpy(square(_TRACED))
        dynamic["places"] = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with torch.inference_mode():
        count = len(judge(*arguments.values()))
    outputs = ["probabilities", "logits", "attention", "instance"][:count]
    return trace(judge, tuple(arguments.values()), inputs=list(arguments), outputs=outputs, dynamic=dynamic)


def load_aggregator(bundle: SlideBundle) -> Aggregator:
    """The aggregator of a slide bundle in torch, in evaluation mode.

    Raises:
        BundleError: Its weights can't be read, or are those of another one.
    """
    info = bundle.info
    aggregator = build_aggregator(info.aggregator, info.feature_size, len(info.classes))
    try:
        aggregator.load_state_dict(load_file(bundle.weights))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise BundleError(f"{bundle.weights} does not suit the bundle ({error}); get the bundle again") from error
    return aggregator.eval()


def example_features(aggregator: Aggregator) -> NDArray[np.float16]:
    """(n, D): drawn tiles, as far from each other as those that were learned from. No patient's belong in a bundle."""
    generator = np.random.default_rng(0)
    drawn = generator.normal(size=(_TRACED, aggregator.dim)) * aggregator.scale.numpy() + aggregator.centre.numpy()
    limit = float(np.finfo(np.float16).max)
    return np.asarray(drawn.clip(-limit, limit), np.float16)
