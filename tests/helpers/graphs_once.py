"""Graphs of one structure are traced twice in a process of tests, and afterwards only filled with other weights.

Tracing a small network takes a second or more of processor time, and a test that trains something cares for its weights
alone. The first two graphs of a structure are traced as ever; that the second one is the first with other weights is
seen there, byte by byte, and only then are further ones filled. The tests of `tests/models` always trace.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

_OPERATORS = "torch.onnx._internal.exporter._registration"
_TRACERS = ("sentinode.models.onnx_export", "sentinode.models.mil.slide_graphs")
_UNUSED = "num_batches_tracked"


class GraphsOnce:
    """Stands for `onnx_export.trace`."""

    always = False
    """Whether to trace every time."""

    def __init__(self, trace: Callable[..., Any]) -> None:
        self._trace = trace
        self._known: dict[Any, _Structure] = {}

    def __call__(self, module: Any, arguments: tuple[Any, ...], **how: Any) -> Any:
        """As `trace`."""
        if self.always:
            return self._trace(module, arguments, **how)
        key, state = _structure(module, arguments, how), _state(module)
        structure = self._known.get(key)
        if structure is None:
            model = self._trace(module, arguments, **how)
            self._known[key] = _Structure(model, state)
            return model
        filled = structure.filled(state)
        if filled is not None and structure.proven:
            return filled
        model = self._trace(module, arguments, **how)
        if filled is not None and not structure.doubted:
            structure.proven = filled == model
            structure.doubted = not structure.proven
        return model


class _Structure:
    """The first graph of a structure."""

    def __init__(self, model: Any, state: Mapping[str, bytes]) -> None:
        self._text, self._kind = model.SerializeToString(), type(model)
        stored = {tensor.name: tensor.raw_data for tensor in model.graph.initializer}
        self._free = {name for name, content in state.items() if stored.get(name) == content}
        self._fixed = {name: content for name, content in state.items() if name not in self._free}
        self.proven = self.doubted = False

    def filled(self, state: Mapping[str, bytes]) -> Any:
        """The graph with these weights; None where one differs that it does not have as it is."""
        if any(state[name] != content for name, content in self._fixed.items() if not name.endswith(_UNUSED)):
            return None
        model = self._kind.FromString(self._text)
        for tensor in model.graph.initializer:
            if tensor.name in self._free:
                tensor.raw_data = state[tensor.name]
        return model


def _state(module: Any) -> dict[str, bytes]:
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: _content(tensor) for name, tensor in tensors.items()}


def _content(tensor: Any) -> bytes:
    return bytes(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())


def _structure(module: Any, arguments: tuple[Any, ...], how: Mapping[str, Any]) -> Any:
    """All that a graph depends on but the values of weights. What has no value of its own, such as an object that
    says nothing of itself but its address, makes a structure of its own: never taken for another."""
    parts = []
    for name, part in module.named_modules():
        own = {**part._parameters, **part._buffers}
        tensors = [(key, tuple(one.shape), str(one.dtype)) for key, one in own.items() if one is not None]
        rest = {key: value for key, value in vars(part).items() if key not in {"_parameters", "_buffers", "_modules"}}
        parts.append((name, type(part), type(part).forward, tuple(tensors), _frozen(rest)))
    called = tuple((tuple(one.shape), str(one.dtype)) for one in arguments)
    return tuple(parts), called, _frozen(how)


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((str(key), _frozen(each)) for key, each in value.items())
    if isinstance(value, list | tuple | set):
        return type(value), tuple(map(_frozen, value))
    if hasattr(value, "detach"):
        return tuple(value.shape), _content(value)
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    return type(value), repr(value), getattr(value, "__name__", ""), getattr(value, "min", None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Where the exporter is loaded, it is slow no more; where it is not, it stays out."""
    loaded: dict[str, Any] = sys.modules
    exporter = loaded.get(_OPERATORS)
    if exporter is not None and not hasattr(exporter.ONNXRegistry.from_torchlib, "cache_info"):
        # torch reads its table of operators, some 500 functions of Python, anew for each graph; nothing adds to it.
        exporter.ONNXRegistry.from_torchlib = staticmethod(cache(exporter.ONNXRegistry.from_torchlib))
    if (traced := loaded.get(_TRACERS[0])) is None:
        return
    if not isinstance(traced.trace, GraphsOnce):
        traced.trace = GraphsOnce(traced.trace)
    if (slides := loaded.get(_TRACERS[1])) is not None:
        slides.trace = traced.trace
