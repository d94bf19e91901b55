"""Classical descriptors, against images whose numbers are known and against scikit-image itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import feature

from sentinode.core.stain_statistics import stain_statistics
from sentinode.training.features.descriptors import DESCRIPTORS, PIXELS_SIDE, columns_of, pixels, space_of, texture

KINDS = tuple(DESCRIPTORS)


@pytest.fixture(scope="module")
def tiles() -> np.ndarray:
    """(6, 36, 36, 3) uint8."""
    coarse = np.random.default_rng(2).integers(0, 256, (6, 12, 12, 3))
    return np.kron(coarse, np.ones((1, 3, 3, 1))).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@given(tiles=hnp.arrays(np.uint8, st.tuples(st.integers(0, 3), *[st.integers(8, 20)] * 2, st.just(3))))
@settings(max_examples=15, deadline=None)
def test_every_image_has_a_finite_row_with_named_columns(kind: str, tiles: np.ndarray) -> None:
    values = DESCRIPTORS[kind](tiles)
    assert values.dtype == np.float32
    assert values.shape == (len(tiles), len(columns_of(kind)))
    assert np.isfinite(values).all()
    assert len(set(columns_of(kind))) == len(columns_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_described_alike_in_any_company(kind: str, tiles: np.ndarray) -> None:
    together = DESCRIPTORS[kind](tiles)
    alone = np.concatenate([DESCRIPTORS[kind](tiles[place : place + 1]) for place in range(len(tiles))])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-5)


def test_pixels_are_means_of_areas() -> None:
    # Twice as high and three times as wide as what it is shrunk to, so the two sides can't be mixed up.
    small = np.random.default_rng(0).integers(0, 256, (2, PIXELS_SIDE, PIXELS_SIDE, 3)).astype(np.uint8)
    found = pixels(np.repeat(np.repeat(small, 2, axis=1), 3, axis=2))
    np.testing.assert_allclose(found, small.reshape(2, -1) / 255, atol=1e-6)
    names = columns_of("pixels")
    assert found[0, names.index("green_03_11")] == pytest.approx(small[0, 3, 11, 1] / 255)


def test_pixels_of_an_odd_size_keep_the_mean() -> None:
    image = np.random.default_rng(1).integers(0, 256, (1, 33, 27, 3)).astype(np.uint8)
    mean = pixels(image).reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(mean, image.reshape(-1, 3).mean(axis=0) / 255, atol=1e-5)


def test_colour_is_stain_statistics_and_percentiles(tiles: np.ndarray) -> None:
    names, found = columns_of("colour"), DESCRIPTORS["colour"](tiles)
    np.testing.assert_array_equal(found[:, :10], stain_statistics(tiles))
    assert found[2, names.index("green_p75")] == pytest.approx(np.percentile(tiles[2, ..., 1], 75))


def test_texture_is_what_scikit_image_says(tiles: np.ndarray) -> None:
    names, found = columns_of("texture"), texture(tiles[:1])[0]
    red, green, blue = (tiles[0, ..., channel].astype(float) for channel in range(3))
    grey = np.rint(0.299 * red + 0.587 * green + 0.114 * blue).astype(np.uint8)
    codes = feature.local_binary_pattern(grey, 16, 2, method="uniform")
    assert found[names.index("lbp_r2_5")] == pytest.approx((codes == 5).mean(), abs=1e-6)
    matrix = feature.graycomatrix(grey // 8, [4], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], 32, True, True)
    contrast = feature.graycoprops(matrix, "contrast")[0]
    assert found[names.index("glcm_contrast_d4_mean")] == pytest.approx(contrast.mean(), rel=1e-5)
    assert found[names.index("glcm_contrast_d4_range")] == pytest.approx(np.ptp(contrast), rel=1e-4)


def test_texture_does_not_change_with_a_quarter_turn(tiles: np.ndarray) -> None:
    turned = np.stack([np.rot90(tile) for tile in tiles])
    np.testing.assert_allclose(texture(turned), texture(tiles), rtol=0.02, atol=0.02)
    assert np.abs(texture(tiles[:1]) - texture(tiles[1:2])).max() > 0.02


def test_the_space_tells_kinds_and_sizes_apart() -> None:
    spaces = {space_of(kind, size).sha256 for kind in KINDS for size in (24, 96)}
    assert len(spaces) == 2 * len(KINDS)
    assert space_of("colour", 24) == space_of("colour", 24)
