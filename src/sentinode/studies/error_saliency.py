"""What moved the model in its errors, for the report's galleries: a map over a few images, made when asked for."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import MissingExtraError, SentinodeError
from sentinode.core.extras import job
from sentinode.models.bundle import Bundle

Images = Callable[[int], NDArray[np.uint8]]
"""The image of a row: (H, W, 3) uint8."""

Maps = Callable[[int], NDArray[np.uint8] | None]
"""The same with the map over it; None where the map is empty."""

_METHODS = ("layercam", "gradcam")
"""The better first; either is cheap."""


def error_maps(bundle: Bundle, images: Images) -> tuple[Maps | None, str]:
    """Images with a map over them by their rows, or None, and words on what they are or why there are none.

    A map is of a single look at the tile: over all orientations and sizes it would cost many times as much, and a
    report has two dozen.
    """
    info = bundle.info
    unfit = {
        "which pools the tiles of large images": bool(info.input.pooling),
        "which is INT8": info.precision == "int8",
        "which sees each tile with its context": info.input.context,
    }
    if kind := next((words for words, holds in unfit.items() if holds), None):
        return None, f"No maps over the errors of this bundle, {kind}; see sentinode explain."
    try:
        with job("explain"):
            from sentinode.explanation.explainable_model import open_model
            from sentinode.explanation.explanation import explain
            from sentinode.explanation.map_pictures import blended
            from sentinode.explanation.methods import method_named, method_of, why_not
    except MissingExtraError as error:
        return None, f"No maps over the errors: {error}."

    try:
        model = open_model(bundle, engine="torch", single_look=True)
        chosen = next((name for name in _METHODS if why_not(model, method_named(name)) is None), _METHODS[-1])
        title = method_of(model, chosen).title
        explain(model, np.ascontiguousarray(images(0)), chosen)  # what fails is said here, and costs no report
    except SentinodeError as error:
        return None, f"No maps over the errors: {error}."

    def draw(row: int) -> NDArray[np.uint8] | None:
        one = explain(model, np.ascontiguousarray(images(row)), chosen)
        return None if one.empty else blended(one.tile, one.map, signed=one.signed)

    shown = "each error's likeliest class" if info.classes.positive is None else info.classes.positive
    words = f"Below an error is the same image with what spoke for {shown} in yellow ({title} of one look, unchecked)"
    return draw, f"{words}; where the map is empty, nothing did. The command sentinode explain measures such maps."
