import numpy as np
import pytest
import torch
from PIL import Image

from sentinode.models.preprocessing import Preprocessing, resize_matrix


def _tiles(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize(("tile", "target"), [(96, 224), (96, 64), (28, 29), (50, 9), (64, 64)])
def test_resizing_equals_pillow_within_its_rounding(tile: int, target: int) -> None:
    tiles = _tiles(3, tile)
    module = Preprocessing(tile, target)
    ours = module.resize(torch.from_numpy(tiles).permute(0, 3, 1, 2).float()).permute(0, 2, 3, 1).numpy()
    pillow = np.stack(
        [np.asarray(Image.fromarray(t).resize((target, target), Image.Resampling.BILINEAR)) for t in tiles]
    )
    assert np.abs(ours - pillow).max() <= 1.01  # Pillow rounds to whole values after each of its two passes
    assert abs((ours - pillow).mean()) < 0.05


def test_the_values_are_normalised_per_channel() -> None:
    tiles = _tiles(2, 5)
    mean, std = (0.1, 0.5, 0.7), (0.2, 0.3, 0.4)
    images = Preprocessing(5, mean=mean, std=std)(torch.from_numpy(tiles)).numpy()
    expected = (tiles / 255 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(images, expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_a_flat_tile_stays_flat_and_a_flip_commutes() -> None:
    matrix = resize_matrix(37, 12)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-6)


def test_images_are_channels_last_in_memory() -> None:
    images = Preprocessing(6)(torch.from_numpy(_tiles(2, 6)))
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_it_has_no_weights() -> None:
    assert not Preprocessing(6, 12).state_dict()
