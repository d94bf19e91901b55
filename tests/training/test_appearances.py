import numpy as np
import torch
from numpy.typing import NDArray

from sentinode.training.appearances import find_appearances
from sentinode.training.augmentation import Augmentation
from sentinode.training.training_config import AugmentationConfig

_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])


def _tiles(count: int, strength: tuple[float, float], seed: int) -> NDArray[np.uint8]:
    """Noise of two stains, each at its own strength."""
    amounts = np.random.default_rng(seed).uniform(0.2, 1.0, (count, 64, 64, 2)) * np.array(strength)
    tiles: NDArray[np.uint8] = (255 * np.exp(-amounts @ _STAINS)).astype(np.uint8)
    return tiles


def _density(tiles: NDArray[np.uint8]) -> NDArray[np.float64]:
    return -np.log((tiles.reshape(-1, 3).astype(float) + 1) / 256)


def _two_slides() -> tuple[NDArray[np.uint8], list[str]]:
    tiles = np.concatenate([_tiles(20, (0.9, 0.6), 1), _tiles(20, (0.7, 0.8), 2)])
    return tiles, ["a"] * 20 + ["b"] * 20


def test_a_slide_is_given_the_moments_of_another() -> None:
    tiles, groups = _two_slides()
    found = find_appearances(tiles, np.arange(40), groups, seed=0)
    moved = _density(tiles[:20]) @ found.transfers[0, 1]
    wanted = _density(tiles[20:])
    own, other = (each.T @ each / len(each) for each in (moved, wanted))
    assert np.allclose(own, other, rtol=0.05, atol=0.01)
    assert np.allclose(found.transfers[0, 0], np.eye(3), atol=1e-4)
    assert np.allclose(found.transfers, found.transfers.transpose(0, 1, 3, 2), atol=1e-6)


def test_known_slides_and_clusters_have_a_half_each() -> None:
    tiles, groups = _two_slides()
    found = find_appearances(tiles, np.arange(40), groups[:20] + [""] * 20, seed=0)
    assert np.isclose(found.weights.sum(), 1)
    assert np.isclose(found.weights[found.of_image[0]], 0.5)
    assert len(set(found.of_image[:20].tolist())) == 1
    assert found.of_image[0] not in found.of_image[20:]


def test_further_images_come_after_the_rows() -> None:
    tiles, groups = _two_slides()
    found = find_appearances(tiles, np.arange(20), groups[:20], seed=0, more=tiles[20:])
    assert len(found.of_image) == 40


def test_blank_images_and_pigment_change_nothing_and_break_nothing() -> None:
    tiles = np.concatenate([np.full((4, 16, 16, 3), 255, np.uint8), np.zeros((4, 16, 16, 3), np.uint8)])
    found = find_appearances(tiles, np.arange(8), ["white"] * 4 + ["black"] * 4, seed=0)
    assert np.isfinite(found.transfers).all()


def test_augmentation_moves_the_named_part_and_keeps_white_white() -> None:
    tiles, groups = _two_slides()
    tiles[:, :2] = 255
    found = find_appearances(tiles, np.arange(40), groups, seed=0)
    batch = torch.from_numpy(np.tile(tiles[:1], (400, 1, 1, 1)))
    augment = Augmentation(AugmentationConfig(flips=False, appearance=0.6), found)
    torch.manual_seed(0)
    changed = augment(batch, torch.full((400,), int(found.of_image[0])))
    moved = ((changed - batch.float()).abs().amax((1, 2, 3)) > 1).float().mean()
    assert 0.2 < moved < 0.4  # 0.6 of them draw, half of those draw their own
    assert (changed[:, :2] > 254).all()
    assert torch.equal(augment(batch), batch.float())  # appearances unknown: as they are
