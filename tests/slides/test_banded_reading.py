"""Reading and reducing in bands and blocks, against the whole at once."""

import numpy as np
import pytest

from sentinode.slides import banded_reading
from sentinode.slides.banded_reading import read_reduced
from sentinode.slides.reader import Pixels


@pytest.fixture
def level() -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (900, 1300, 3), np.uint8)


class _Read:
    """Reads a level, and remembers the most that was asked for at a time."""

    def __init__(self, level: Pixels) -> None:
        self._level, self.most, self.read = level, 0, 0

    def __call__(self, x: int, y: int, width: int, height: int) -> Pixels:
        self.most, self.read = max(self.most, width * height), self.read + width * height
        padded = np.pad(self._level, ((50, 950), (50, 950), (0, 0)), constant_values=255)
        return padded[y + 50 : y + 50 + height, x + 50 : x + 50 + width].copy()


@pytest.mark.parametrize("scale", [(64.0, 64.0), (50.0, 90.0), (37.3, 41.9), (1300.0, 900.0)])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (-20.0, 33.4)])
def test_blocks_add_up_to_the_whole(
    level: Pixels, monkeypatch: pytest.MonkeyPatch, scale: tuple[float, float], corner: tuple[float, float]
) -> None:
    size = max(1, int(1240 / scale[0])), max(1, int(820 / scale[1]))
    whole = read_reduced(_Read(level), corner, scale, size)
    monkeypatch.setattr(banded_reading, "_BAND_BYTES", 3000)
    monkeypatch.setattr(banded_reading, "_BLOCK_PX", 128)
    reading = _Read(level)
    assert np.abs(read_reduced(reading, corner, scale, size).astype(int) - whole).max() <= 1
    assert reading.most <= 128**2


def test_blocks_of_whole_halvings_are_the_very_same(level: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_reduced(_Read(level), (0, 0), (64, 64), (20, 14))
    monkeypatch.setattr(banded_reading, "_BAND_BYTES", 3000)
    monkeypatch.setattr(banded_reading, "_BLOCK_PX", 128)
    reading = _Read(level)
    assert (read_reduced(reading, (0, 0), (64, 64), (20, 14)) == whole).all()
    assert reading.read == 1280 * 896  # nothing twice
