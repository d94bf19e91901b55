"""Stain statistics, against colour deconvolution done pixel by pixel."""

import numpy as np
import pytest

from sentinode.core.stain_statistics import STAIN_COLUMNS, stain_statistics

_HAEMATOXYLIN = np.array([0.650, 0.704, 0.286])
_EOSIN = np.array([0.072, 0.990, 0.105])
_DAB = np.array([0.268, 0.570, 0.776])


def _column(statistics: np.ndarray, name: str) -> np.ndarray:
    return statistics[:, STAIN_COLUMNS.index(name)]


def _stained(haematoxylin: float, eosin: float) -> np.ndarray:
    """One (6, 5) image whose every pixel has these stain densities, by the law of Beer and Lambert."""
    density = haematoxylin * _HAEMATOXYLIN / np.linalg.norm(_HAEMATOXYLIN) + eosin * _EOSIN / np.linalg.norm(_EOSIN)
    value = np.round(256 * 10**-density - 1).clip(0, 255).astype(np.uint8)
    return np.broadcast_to(value, (1, 6, 5, 3))


@pytest.mark.parametrize(("haematoxylin", "eosin"), [(0.0, 0.0), (0.6, 0.1), (0.1, 0.5)])
def test_known_stain_densities_are_found_again(haematoxylin: float, eosin: float) -> None:
    statistics = stain_statistics(_stained(haematoxylin, eosin))
    assert _column(statistics, "haematoxylin_mean")[0] == pytest.approx(haematoxylin, abs=0.01)
    assert _column(statistics, "eosin_mean")[0] == pytest.approx(eosin, abs=0.01)
    assert _column(statistics, "eosin_std")[0] == pytest.approx(0, abs=1e-4)


def test_moments_agree_with_unmixing_every_pixel() -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (7, 11, 6, 3), dtype=np.uint8)
    vectors = np.stack([v / np.linalg.norm(v) for v in (_HAEMATOXYLIN, _EOSIN, _DAB)])
    stains = -np.log10((tiles.reshape(7, -1, 3) + 1.0) / 256) @ np.linalg.inv(vectors)
    colours = tiles.reshape(7, -1, 3)
    expected = [colours.mean(1), colours.std(1), stains.mean(1)[:, :2], stains.std(1)[:, :2]]
    statistics = stain_statistics(tiles)
    assert statistics.dtype == np.float32
    np.testing.assert_allclose(statistics, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-4)


def test_large_arrays_in_pieces_and_empty_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (7, 4, 6, 3), dtype=np.uint8)
    whole = stain_statistics(tiles)
    monkeypatch.setattr("sentinode.core.stain_statistics._BATCH_BYTES", 2 * 4 * 6 * 3)
    assert np.array_equal(stain_statistics(tiles), whole)
    assert stain_statistics(tiles[:0]).shape == (0, len(STAIN_COLUMNS))
