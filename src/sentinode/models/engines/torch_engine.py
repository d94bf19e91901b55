"""The torch engine: the default where there is a CUDA device. Runs the stored weights, not the ONNX graph."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from sentinode.models.bundle_info import BundleInfo
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.engines.engine import Engine, Scores

_IMAGES_A_PASS = 256  # through the network at once: fills a GPU, and keeps memory small on a CPU


class TorchEngine(Engine):
    """Eager torch in float32, on CUDA where there is a device, otherwise on the CPU."""

    name = "torch"

    def __init__(self, deployed: DeployedModel, info: BundleInfo, threads: int | None) -> None:
        """Args: a model that is nobody else's (it moves to the device); what it is; CPU threads."""
        super().__init__(info)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._threads = threads
        self._model = deployed.to(self.device)
        self._model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _fill(self, tiles: NDArray[np.uint8], scores: Scores) -> None:
        with torch.inference_mode(), _exact(self._threads):
            views = self.info.pixels_an_image(*tiles.shape[1:3]) // self.info.input.input_size**2
            batch_size = max(1, _IMAGES_A_PASS // views)
            for start in range(0, len(tiles), batch_size):
                part = slice(start, start + batch_size)
                batch = torch.from_numpy(_writable(tiles[part])).to(self.device)
                for target, answer in zip(scores, self._model(batch), strict=True):
                    target[part] = answer.cpu().numpy()


def _writable(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`tiles`, copied where torch could not wrap them: a part of a memory-mapped pack, or one with gaps."""
    return tiles if tiles.flags.writeable and tiles.flags.c_contiguous else tiles.copy()


@contextmanager
def _exact(threads: int | None) -> Iterator[None]:
    """Full float32 on a GPU, so that engines agree, and as many CPU threads as asked for; then as it was before."""
    with cpu_threads(threads), torch.backends.cudnn.flags(allow_tf32=False):
        yield


@contextmanager
def cpu_threads(count: int | None) -> Iterator[None]:
    """As many CPU threads in torch as asked for, None: as it has them; then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
