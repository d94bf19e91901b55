"""How much of a pack is resident, by what the system says of the mapping."""

import sys
from pathlib import Path

import numpy as np
import pytest

from sentinode.data import tile_map
from sentinode.data.tile_map import map_tiles

BOUND = 4 << 20


def resident_bytes(path: Path) -> int:
    """Of the mapping of a file, as Linux counts it."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if "-" in first and not first.endswith(":"):
            inside = line.endswith(str(path))
        elif inside and first == "Rss:":
            total += 1024 * int(line.split()[1])
    return total


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("images", [30_000, 90_000])
def test_what_is_resident_does_not_grow_with_the_number_of_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int
) -> None:
    monkeypatch.setattr(tile_map, "RESIDENT_BYTES", BOUND)
    path = tmp_path / "tiles.npy"
    pixels = np.arange(images * 16 * 16 * 3, dtype=np.uint32).astype(np.uint8).reshape(images, 16, 16, 3)
    np.save(path, pixels)
    tiles = map_tiles(path)
    rng, most = np.random.default_rng(0), 0
    for start in range(0, images, 1500):
        chosen = rng.permutation(images)[:50]
        assert np.array_equal(tiles[chosen], pixels[chosen])
        assert np.array_equal(tiles[start : start + 500], pixels[start : start + 500])
        most = max(most, resident_bytes(path))
    assert 0 < most < 4 * BOUND < pixels.nbytes  # pages around those that are touched come with them


def test_what_comes_back_is_a_plain_array_that_outlives_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tile_map, "RESIDENT_BYTES", 0)  # given back at each turn
    path = tmp_path / "tiles.npy"
    pixels = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), np.uint8)
    np.save(path, pixels)
    tiles = map_tiles(path)
    view, one = tiles[2:5], tiles[7]
    assert (type(view), type(one), tiles.shape) == (np.ndarray, np.ndarray, (9, 4, 4, 3))
    assert np.array_equal(tiles[[8, 0]], pixels[[8, 0]])
    assert np.array_equal(view, pixels[2:5])
    assert np.array_equal(one, pixels[7])
    assert tiles[3, 1, 2, 0] == pixels[3, 1, 2, 0]
    assert not tiles.flags.writeable
