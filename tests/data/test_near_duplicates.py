"""Near duplicates: turned, recompressed, brightened copies are found, other tissue is not."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from sentinode.data.near_duplicates import NearPair, Tones, best_correlation, even_tone, near_pairs
from sentinode.data.synthetic.patches import SyntheticPatches


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    source = SyntheticPatches({"n": "300", "seed": "3"})
    tiles = np.stack([source.read(index) for index in range(300)])
    return tiles[~Tones.of(tiles).even]


def _jpeg(tile: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


_COPIES = {
    "turned": lambda tile: np.rot90(tile),
    "mirrored and turned": lambda tile: np.rot90(tile[:, ::-1], 3),
    "JPEG at quality 30, turned": lambda tile: np.rot90(_jpeg(tile, 30), 2),
    "darker": lambda tile: (tile * 0.8).astype(np.uint8),
    "blurred": lambda tile: np.asarray(Image.fromarray(tile).filter(ImageFilter.GaussianBlur(0.8))),
}


def _find(tiles: np.ndarray) -> list[NearPair]:
    return near_pairs(list(tiles), Tones.of(tiles), np.arange(len(tiles)))


@pytest.mark.parametrize("how", _COPIES)
def test_copies_are_found_and_nothing_else(patches: np.ndarray, how: str) -> None:
    originals = range(0, len(patches), 10)
    copies = np.stack([_COPIES[how](patches[index]) for index in originals])
    found = {(pair.first, pair.second) for pair in _find(np.concatenate([patches, copies]))}
    assert found == {(index, len(patches) + place) for place, index in enumerate(originals)}


def test_different_patches_of_a_slide_are_no_near_duplicates(patches: np.ndarray) -> None:
    assert _find(patches) == []


def test_only_candidates_are_compared(patches: np.ndarray) -> None:
    tiles = np.concatenate([patches[:5], patches[:5, ::-1]])
    images = list(tiles)
    assert len(near_pairs(images, Tones.of(tiles), np.arange(10))) == 5
    assert near_pairs(images, Tones.of(tiles), np.arange(5)) == []
    assert near_pairs(images, Tones.of(tiles), np.arange(1)) == []


def test_images_that_are_not_square_are_compared_in_the_flips_that_fit(patches: np.ndarray) -> None:
    wide = patches[:40, 10:74]  # (40, 64, 96, 3)
    tiles = np.concatenate([wide, wide[:3, ::-1, ::-1]])
    assert {(pair.first, pair.second) for pair in _find(tiles)} == {(0, 40), (1, 41), (2, 42)}


def test_near_blank_images_are_left_out(patches: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    blank = np.clip(rng.normal(240, 2, (6, 96, 96, 3)), 0, 255).astype(np.uint8)
    assert Tones.of(np.concatenate([patches[:4], blank])).even.tolist() == [False] * 4 + [True] * 6
    assert _find(np.concatenate([blank, blank])) == []


@pytest.mark.parametrize(("tissue", "blank"), [(0.04, True), (0.06, False)])
def test_near_blank_means_that_95_percent_are_of_one_tone(tissue: float, blank: bool) -> None:
    grey = np.full(1000, 230)
    grey[: round(tissue * 1000)] = 120
    assert even_tone(np.bincount(grey, minlength=256)[None]).tolist() == [blank]


@pytest.mark.parametrize("shift", [(0, 3), (-4, 0), (4, -4), (5, 2)])
def test_patches_read_a_few_pixels_beside_each_other_are_found(shift: tuple[int, int]) -> None:
    down, across = shift
    source = SyntheticPatches({"n": "300", "seed": "3"})
    wide = [source.read(index) for index in range(300)]
    tiles = np.stack([tile[8:88, 8:88] for tile in wide])
    tiles = tiles[~Tones.of(tiles).even]
    moved = [tile[8 + down : 88 + down, 8 + across : 88 + across] for tile in wide[:40]]
    moved = [np.rot90(_jpeg(tile, 50)) for tile in moved if not Tones.of([tile]).even[0]]
    found = {pair.second - len(tiles) for pair in _find(np.concatenate([tiles, moved])) if pair.second >= len(tiles)}
    assert len(found) >= 0.9 * len(moved)


@settings(max_examples=20, deadline=None)
@given(turns=st.integers(0, 3), mirrored=st.booleans(), seed=st.integers(0, 1000))
def test_features_and_correlation_are_the_same_for_all_flips_and_turns(turns: int, mirrored: bool, seed: int) -> None:
    tile = np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    turned = np.rot90(tile[:, ::-1] if mirrored else tile, turns)
    features = Tones.of([tile, turned]).features
    np.testing.assert_allclose(features[0], features[1], atol=5e-3)
    assert best_correlation(tile, turned) == pytest.approx(1, abs=1e-4)
