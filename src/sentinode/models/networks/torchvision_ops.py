"""Importing torchvision where its compiled operators can't be loaded.

The package index serves a torchvision that is built against CUDA, beside which a CPU build of torch may be installed.
Its compiled library then does not load, which torchvision means to tolerate, but it still describes two operators of
that library to torch, and torch refuses to have described what nobody defined: `import torchvision`, and with it
`import timm`, fails with "operator torchvision::nms does not exist". Defining the two signatures (not the operators:
nothing here calls them) lets the import go through.
"""

import functools
import importlib

import torch

_SIGNATURES = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def register_missing_ops() -> None:
    """Make torchvision importable; to be called before the first import of torchvision, timm or what uses them."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        _define_signatures()
        importlib.import_module("torchvision")


@functools.cache
def _define_signatures() -> torch.library.Library:
    # Cached: torch forgets the definitions when the library object is gone.
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for signature in _SIGNATURES:
        library.define(signature)  # type: ignore[no-untyped-call]
    return library
