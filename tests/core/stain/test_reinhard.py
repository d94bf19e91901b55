"""Reinhard's statistics against scikit-image's CIELAB, and what they paint against torchstain."""

import numpy as np
import pytest
import torchstain.numpy.normalizers as oracles
from skimage.color import rgb2lab

from helpers.stained_patches import stained
from sentinode.core.stain.normaliser import ColourMap
from sentinode.core.stain.optical_density import StainError
from sentinode.core.stain.reinhard import ReinhardStatistics, lab, reinhard, rgb
from sentinode.core.stain.stain_look import image_look


def test_lab_is_cielab() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (500, 3), dtype=np.uint8)
    np.testing.assert_allclose(lab(pixels), rgb2lab(pixels), atol=0.02)


def test_every_colour_comes_back() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5000, 3), dtype=np.uint8)
    np.testing.assert_array_equal(rgb(lab(pixels)), pixels)


def test_it_paints_what_torchstain_paints() -> None:
    source, target = stained(1), stained(2, (0.5, 0.76, 0.42), amounts=(1.4, 0.8))
    oracle = oracles.NumpyReinhardNormalizer()
    oracle.fit(target)
    expected = oracle.normalize(source)
    painted = ColourMap(reinhard(source.reshape(-1, 3)), reinhard(target.reshape(-1, 3)))(source[None])[0]
    # torchstain cuts off where we round; a value that it wraps around, past 255, is none of either image.
    assert np.abs(painted.astype(int) - expected).max() <= 1


def test_only_tissue_counts() -> None:
    image = stained(1)
    framed = np.full((96, 144, 3), 245, np.uint8)
    framed[:, :96] = image
    whole, part = image_look("reinhard", image), image_look("reinhard", framed)
    assert isinstance(whole, ReinhardStatistics)
    assert isinstance(part, ReinhardStatistics)
    np.testing.assert_allclose(whole.mean, part.mean, atol=0.5)


@pytest.mark.parametrize(("value", "reason"), [(245, "too little tissue"), (150, "one stain")])
def test_one_colour_is_refused(value: int, reason: str) -> None:
    image = np.full((96, 96, 3), value, np.uint8)
    with pytest.raises(StainError, match=reason):
        image_look("reinhard", image)


def test_no_tiles_are_no_tiles() -> None:
    look = ReinhardStatistics((50, 20, -15), (10, 5, 5))
    assert ColourMap(look, look)(np.empty((0, 8, 8, 3), np.uint8)).shape == (0, 8, 8, 3)
