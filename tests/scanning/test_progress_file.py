"""The file that a killed scan goes on from."""

from pathlib import Path

import numpy as np
import pytest

from sentinode.scanning.progress_file import ProgressFile

KEY = "a" * 64
TILES, CLASSES, BATCH = 20, 3, 8
SCORES = np.random.default_rng(1).random((TILES, CLASSES)).astype(np.float32)
SCORES[5] = np.nan


def opened(path: Path, key: str = KEY, batch: int = BATCH) -> ProgressFile:
    return ProgressFile(path, key, TILES, CLASSES, batch)


def filled(path: Path) -> bytes:
    with opened(path) as file:
        for start in range(file.done, TILES, BATCH):
            file.append(SCORES[start : start + BATCH])
    return path.read_bytes()


def test_goes_on_from_whole_records_wherever_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    whole = filled(path)
    for length in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:length])
        with opened(path) as file:
            assert file.done in {0, 8, 16, TILES}
            np.testing.assert_array_equal(file.scores[: file.done], SCORES[: file.done])
            assert np.isnan(file.scores[file.done :]).all()
        assert filled(path) == whole
    with opened(path) as file:
        assert file.done == TILES


def test_a_damaged_record_and_all_after_it_are_done_again(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    whole = bytearray(filled(path))
    whole[-20] ^= 1  # in the last record
    path.write_bytes(whole)
    with opened(path) as file:
        assert file.done == 16


@pytest.mark.parametrize("other", [{"key": "b" * 64}, {"batch": 5}])
def test_another_scan_starts_anew(tmp_path: Path, other: dict[str, str | int]) -> None:
    path = tmp_path / "progress"
    filled(path)
    with opened(path, **other) as file:  # type: ignore[arg-type]
        assert file.done == 0
