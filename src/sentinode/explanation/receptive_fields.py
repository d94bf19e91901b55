"""Where the cells of a layer's map lie on the image: each at the centre of what it sees, its receptive field.

A cell is often drawn as the part of the image that it would have if the map were stretched over it. Without padding,
the outer cells lie further inside; with padding and strides, all cells lie to the upper left of that. So convolutions
and poolings are watched while an image passes, and the position of their cells is followed from one to the next
(Araujo, Norris and Sim 2019, Computing receptive fields of convolutional neural networks).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sentinode.explanation.layers import as_maps
from sentinode.models.networks.network import Network

Centres = tuple[float, ...]
"""Centres of the cells along an axis, in pixels from the edge of an image."""


@dataclass(frozen=True)
class _Axis:
    """Cells along one axis: how many, where the first one's centre lies, and how far apart they are, in pixels."""

    cells: int
    first: float
    step: float

    def after(self, cells: int, kernel: int, stride: int, padding: int, dilation: int) -> "_Axis":
        """Those of a convolution or pooling over these, which gives `cells`."""
        return _Axis(cells, self.first + self.step * (dilation * (kernel - 1) / 2 - padding), self.step * stride)

    def centres(self) -> Centres:
        return tuple(self.first + self.step * number for number in range(self.cells))


class _Following(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    """Notes of every tensor where its cells lie: as its input's, unless a convolution or pooling moves them."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # With each tensor itself, since the number of one that is gone may be given to another.
        self._known = {id(image): (image, tuple(_Axis(side, 0.5, 1.0) for side in image.shape[2:]))}

    def axes(self, tensor: Tensor) -> tuple[_Axis, ...] | None:
        return self._known.get(id(tensor), (None, None))[1]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        inputs = [each for arg in args for each in (arg if isinstance(arg, (list, tuple)) else [arg])]
        # Of the largest, which is the map where a gate or a bias of 1 × 1 comes with it.
        tensors = sorted((each for each in inputs if isinstance(each, Tensor)), key=torch.numel, reverse=True)
        known = next((axes for each in tensors if (axes := self.axes(each))), None)
        if known is not None:
            for output in result if isinstance(result, (list, tuple)) else [result]:
                if isinstance(output, Tensor):
                    self._known[id(output)] = (output, _moved(func, args, known, output))
        return result


def _moved(func: Any, args: Any, axes: tuple[_Axis, ...], output: Tensor) -> tuple[_Axis, ...]:
    if func.overloadpacket == torch.ops.aten.constant_pad_nd and output.ndim == 4:
        # Last axis first, before and after it: networks of TensorFlow pad more to the right and below (and timm here).
        before = (*args[1][::2], 0, 0)
        return tuple(
            axis.after(output.shape[2 + number], 1, 1, before[1 - number], 1) for number, axis in enumerate(axes)
        )
    window = _window(func, args)
    if window is None or output.ndim != 4:
        return axes
    return tuple(
        axis.after(output.shape[2 + number], *(part[number % len(part)] for part in window))
        for number, axis in enumerate(axes)
    )


def _window(func: Any, args: Any) -> tuple[Any, ...] | None:
    """Kernel, stride, padding and dilation of a convolution or pooling, each of both axes; None of anything else."""
    aten, given = torch.ops.aten, (*args, *[None] * 7)
    if func.overloadpacket == aten.convolution and not given[6]:  # a transposed one is nothing that we have
        return given[1].shape[2:], given[3], given[4], given[5]
    if func.overloadpacket in (aten.max_pool2d_with_indices, aten.max_pool2d, aten.avg_pool2d):
        dilation = (given[4] or (1,)) if func.overloadpacket != aten.avg_pool2d else (1,)
        return given[1], given[2] or given[1], given[3] or (0,), dilation
    return None


def cell_centres(network: Network, size: int, names: list[str]) -> dict[str, tuple[Centres, Centres]]:
    """Centres of the rows and columns of each layer's map of images of `size` × `size` px, in pixels.

    Where a layer's cells can't be followed (a map cut or stretched by something other than a convolution or a pooling),
    they are taken to share out the image evenly. So are the patches of a transformer, which do.
    """
    found: dict[str, tuple[Centres, Centres]] = {}
    image = torch.zeros(1, 3, size, size, device=next(network.parameters()).device)
    following = _Following(image)

    def hook(name: str) -> Any:
        def note(_module: Any, _inputs: Any, output: Any) -> None:
            maps = as_maps(output, network)
            if maps is not None:
                axes, shape = following.axes(output), (maps.shape[2], maps.shape[3])
                if axes is not None and tuple(axis.cells for axis in axes) == shape:
                    found[name] = (axes[0].centres(), axes[1].centres())
                else:
                    found[name] = (even_centres(shape[0], size), even_centres(shape[1], size))

        return note

    handles = [network.get_submodule(name).register_forward_hook(hook(name)) for name in names]
    try:
        with torch.no_grad(), following:
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    return found


def even_centres(cells: int, size: int) -> Centres:
    """Centres of cells that share out a side of `size` pixels evenly."""
    return tuple((number + 0.5) * size / cells for number in range(cells))
