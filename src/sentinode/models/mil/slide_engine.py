"""Running a slide bundle: a bag in; the slide's probabilities and the attention to each tile out."""

import abc
import importlib.util
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import BundleError, SentinodeError
from sentinode.core.extras import require
from sentinode.models.mil.bag_view import ArrayBag, BagView, check_bag, chunks, mean_bag
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.models.mil.slide_bundle_info import SlideBundleInfo
from sentinode.models.mil.square import square

if TYPE_CHECKING:
    pass

SlideEngineName = Literal["openvino", "torch"]

SLIDE_AGREEMENT = 1e-3
"""Largest difference between two engines, in units of an answer's largest value where that is above 1."""


class SlideAnswer(NamedTuple):
    """What a slide model says of a slide."""

    probabilities: NDArray[np.float32]
    """(K,) of the classes, calibrated; their sum is 1."""
    logits: NDArray[np.float32]
    """(K − 1,) before calibration."""
    attention: NDArray[np.float32]
    """(N,): share of each tile in the answer, at least 0, 1 in sum. No probability of anything."""
    instance: NDArray[np.float32] | None
    """(N,) logit of each tile by itself, not calibrated; None of methods that have none."""

    @property
    def score(self) -> float:
        """The probability that something is found: of all classes but the first."""
        return float(1 - self.probabilities[0])


class SlideEngine(abc.ABC):
    """A slide bundle that is ready to run."""

    name: SlideEngineName

    def __init__(self, info: SlideBundleInfo) -> None:
        self.info = info

    def look(self, bag: BagView) -> SlideAnswer:
        """Judge a slide. Its features become float32 a part at a time, and only the hidden ones are held as a whole.

        Raises:
            DataError: The bag is empty, has features of another length, or such as are no finite numbers.
        """
        check_bag(bag, self.info.feature_size)
        pools = self.info.aggregator.pools_first
        hidden = np.concatenate([self._encode(part) for part in chunks(mean_bag(bag) if pools else bag)])
        answer = self._judge(hidden)
        return answer._replace(attention=np.full(len(bag), 1 / len(bag), np.float32)) if pools else answer

    @abc.abstractmethod
    def _encode(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, D) → (n, H)."""

    @abc.abstractmethod
    def _judge(self, hidden: NDArray[np.float32]) -> SlideAnswer:
        """(N, H) → the answer."""


class OpenVinoSlideEngine(SlideEngine):
    """The two ONNX graphs, for any number of tiles."""

    name = "openvino"

    def __init__(self, bundle: SlideBundle, threads: int | None) -> None:
        super().__init__(bundle.info)
        from sentinode.models.engines.openvino_engine import compiled_graph

        self._encoder, self._aggregator = (
            compiled_graph(graph, threads) for graph in (bundle.encoder, bundle.aggregator)
        )

    def _encode(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(self._encoder([features])[0])

    def _judge(self, hidden: NDArray[np.float32]) -> SlideAnswer:
        inputs: list[NDArray[Any]] = [hidden]
        if self.info.aggregator.method == "transmil":
            inputs.append(square(len(hidden)))
        found = self._aggregator(inputs)
        return _answer([np.array(found[index]) for index in range(len(found))])


class TorchSlideEngine(SlideEngine):
    """The stored weights in torch, on the CPU."""

    name = "torch"

    def __init__(self, bundle: SlideBundle, threads: int | None) -> None:
        super().__init__(bundle.info)
        from sentinode.models.mil.slide_graphs import Judge, load_aggregator

        self._module = Judge(load_aggregator(bundle), bundle.info.calibration).eval()
        self._threads = threads

    def _encode(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._run(features, self._module.aggregator.encode)[0]

    def _judge(self, hidden: NDArray[np.float32]) -> SlideAnswer:
        return _answer(self._run(hidden, self._module))

    def _run(self, values: NDArray[np.float32], module: Any) -> list[NDArray[np.float32]]:
        import torch

        from sentinode.models.engines.torch_engine import cpu_threads

        with torch.inference_mode(), cpu_threads(self._threads):
            found: torch.Tensor | tuple[torch.Tensor, ...] = module(torch.from_numpy(values))
            return [part.numpy() for part in (found if isinstance(found, tuple) else (found,))]


def _answer(found: list[NDArray[np.float32]]) -> SlideAnswer:
    return SlideAnswer(found[0], found[1], found[2], found[3] if len(found) > 3 else None)


def usable_slide_engines() -> tuple[SlideEngineName, ...]:
    """Names of the engines that are installed."""
    return get_args(SlideEngineName) if importlib.util.find_spec("torch") else ("openvino",)


def open_slide_engine(bundle: SlideBundle, name: str = "auto", *, threads: int | None = None) -> SlideEngine:
    """Load a slide bundle into an engine, and check that it answers the bundle's example as recorded.

    Args:
        bundle: From `open_slide_bundle`.
        name: `openvino`, `torch`, or `auto`, which is OpenVINO: what takes the time is the tiles' features.
        threads: CPU threads; None: as many as there are cores.

    Raises:
        SentinodeError: There is no engine of that name.
        MissingExtraError: The engine is not installed.
        BundleError: Its graphs or its weights can't be read, or it answers differently than recorded.
    """
    engine: SlideEngine
    if name in ("auto", "openvino"):
        try:
            engine = OpenVinoSlideEngine(bundle, threads)
        except RuntimeError as error:  # OpenVINO's only one, with pages of text
            raise BundleError(f"the graphs of {bundle.folder} can't be run; get the bundle again") from error
    elif name == "torch":
        require("torch", extra="torch")
        engine = TorchSlideEngine(bundle, threads)
    else:
        raise SentinodeError(f"there is no engine {name!r}; use auto, {', '.join(get_args(SlideEngineName))}")
    _check_example(bundle, engine)
    return engine


def _check_example(bundle: SlideBundle, engine: SlideEngine) -> None:
    example = bundle.example()
    try:
        answer = engine.look(ArrayBag("example", example["features"]))
        worst = max(_difference(example, field, getattr(answer, field)) for field in SlideAnswer._fields)
    except (KeyError, ValueError, RuntimeError) as error:
        raise BundleError(f"the example of bundle {bundle.folder} does not suit it ({error}); get it again") from error
    if not worst <= SLIDE_AGREEMENT:
        raise BundleError(
            f"bundle {bundle.folder} answers its example differently than recorded: by {worst:.2g} with engine "
            f"{engine.name}, where {SLIDE_AGREEMENT:g} is allowed; get the bundle again, or try another engine"
        )


def _difference(example: dict[str, NDArray[Any]], field: str, found: NDArray[np.float32] | None) -> float:
    expected = example.get(field)
    if expected is None or found is None:
        return 0.0 if expected is found else np.inf
    if expected.shape != found.shape:
        raise ValueError(f"{field} of shape {found.shape} instead of {expected.shape}")
    # Attention is a share of many: of its largest, whatever that is.
    largest = np.abs(expected).max() if field == "attention" else max(1.0, np.abs(expected).max())
    return float(np.abs(found - expected).max() / largest)
