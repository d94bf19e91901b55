"""Colours that no reader can know to be wrong, and that a look at the slide shows."""

import numpy as np
import pytest

from sentinode.slides.colour_check import doubtful_colours
from sentinode.slides.tiff.tile_codec import rgb_of_ycbcr
from sentinode.testing.oddities.pictures import tissue
from sentinode.testing.oddities.tiff_files import ycbcr

_TISSUE = tissue(400, 300)
_GLASS = np.full((300, 400, 3), 243, np.uint8)


def _inked(colour: tuple[int, int, int]) -> np.ndarray:
    pixels = _TISSUE.copy()
    pixels[5:25, 10:390] = colour
    return pixels


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (ycbcr(_TISSUE), "no white, but of one colour"),
        (rgb_of_ycbcr(_TISSUE), "no white, but of one colour"),
        (_TISSUE * np.array([1, 0, 0], np.uint8), "no white, but of one colour"),
        (255 - _TISSUE, "is dark"),
        (_TISSUE[..., [1, 2, 0]], "green or cyan"),
        (_TISSUE[..., [1, 0, 2]], "green or cyan"),
        (np.repeat(_TISSUE[..., 1:2], 3, axis=2), "grey all over"),
        (_TISSUE // 16, "is dark"),  # twelve bits of sixteen
    ],
)
def test_colours_that_can_not_be(pixels: np.ndarray, reason: str) -> None:
    assert reason in doubtful_colours(np.ascontiguousarray(pixels))


@pytest.mark.parametrize(
    "pixels",
    [
        _TISSUE,
        _GLASS,
        np.full_like(_GLASS, 255),
        _TISSUE[40:200, 60:260],  # all of it is tissue
        _inked((30, 120, 60)),
        _inked((20, 20, 20)),
        (_TISSUE * np.array([0.97, 0.9, 0.8])).astype(np.uint8),  # a warm lamp
    ],
)
def test_colours_that_can_be(pixels: np.ndarray) -> None:
    assert doubtful_colours(np.ascontiguousarray(pixels)) == ""
