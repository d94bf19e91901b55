"""The OpenVINO engine: the default on a CPU. Runs the ONNX graph, and needs no torch.

OpenVINO and NNCF tell their makers about their use through `openvino_telemetry`, unasked: importing either writes an
identifier into the user's home folder, and NNCF's quantisation sends a report. Both do without that package when it is
not there.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sentinode.models.bundle_info import WEIGHTS_FILE, BundleInfo
from sentinode.models.engines.engine import PIXELS_AT_ONCE, Engine, Scores

_TELEMETRY = "openvino_telemetry"


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Inside it, `import openvino_telemetry` fails as if it were not installed."""
    modules: dict[str, Any] = sys.modules
    before = {name: module for name, module in modules.items() if name.partition(".")[0] == _TELEMETRY}
    for name in before:
        del modules[name]
    modules[_TELEMETRY] = None
    try:
        yield
    finally:
        del modules[_TELEMETRY]
        modules.update(before)


with without_telemetry():
    import openvino

# Through the network at once, in each stream. Few, so that the maps between layers stay in a core's cache: for
# SqueezeNet and ResNet-18 at 96 px, one or two images at a time were 1.2 to 1.5 times as fast as 32.
_PIXELS_A_PASS = 20_000


class OpenVinoEngine(Engine):
    """The graph compiled for the CPU, several small batches in flight at once."""

    name = "openvino"

    def __init__(self, graph: Path | bytes, info: BundleInfo, threads: int | None, *, transient: bool = False) -> None:
        """Args: the ONNX file or its bytes; what it is; CPU threads; whether the file is gone before the engine."""
        super().__init__(info)
        self._compiled = compiled_graph(graph, threads, hint="THROUGHPUT", transient=transient)
        self._streams = int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    @property
    def threads(self) -> int:
        """CPU threads that the compiled graph uses."""
        return int(self._compiled.get_property("INFERENCE_NUM_THREADS"))

    def _fill(self, tiles: NDArray[np.uint8], scores: Scores) -> None:
        # Requests in turn rather than OpenVINO's queue with a callback: a Python callback is released by one of its
        # threads, which then waits for the interpreter, while the interpreter waits for that thread to end.
        pixels = self.info.pixels_an_image(*tiles.shape[1:3])
        batch = max(1, min(_PIXELS_A_PASS // pixels, -(-len(tiles) // self._streams)))
        parts = [slice(start, start + batch) for start in range(0, len(tiles), batch)]
        # One more than can run at once, so that none of the streams waits for Python to hand it the next.
        ahead = max(1, min(self._streams + 1, len(parts), PIXELS_AT_ONCE // (batch * pixels)))
        requests = [self._compiled.create_infer_request() for _ in range(ahead)]
        inputs = np.ascontiguousarray(tiles)
        for number in range(len(parts) + ahead):
            request = requests[number % ahead]
            if number >= ahead:
                request.wait()
                for index, target in enumerate(scores):
                    target[parts[number - ahead]] = request.get_output_tensor(index).data
            if number < len(parts):
                # Not copied: the array outlives the request.
                request.start_async({0: inputs[parts[number]]}, share_inputs=True)


def compiled_graph(
    graph: Path | bytes,
    threads: int | None,
    *,
    hint: Literal["LATENCY", "THROUGHPUT"] = "LATENCY",
    transient: bool = False,
) -> Any:
    """A graph compiled for the CPU, in float32.

    Args:
        graph: The ONNX file, or its bytes.
        threads: CPU threads; None: as many as there are cores.
        hint: Whether one call is to be fast, or many at a time.
        transient: Whether the file and its weights are read into memory, because they are gone before the graph is.
    """
    # On processors with bfloat16 or float16 units the plugin would otherwise round to those.
    options: dict[str, Any] = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    core = openvino.Core()
    if transient:
        core.set_property({"ENABLE_MMAP": False})
    return core.compile_model(_read(core, graph), "CPU", options)


def _read(core: openvino.Core, graph: Path | bytes) -> openvino.Model:
    if isinstance(graph, bytes) or not (graph.parent / WEIGHTS_FILE).is_symlink():
        return core.read_model(graph)
    # Caches of hubs are made of links, and OpenVINO takes no weights from behind one.
    core.set_property({"ENABLE_MMAP": False})  # the copy is gone before the model is
    with TemporaryDirectory() as folder:
        for path in (graph, graph.parent / WEIGHTS_FILE):
            shutil.copyfile(path, Path(folder) / path.name)
        return core.read_model(Path(folder) / graph.name)
