"""Arrays of files that somebody may have bent."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sentinode.core import arrays
from sentinode.core.arrays import read_npz


def _header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def _zipped(path: Path, name: str, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    saved = {
        "a": np.arange(6).reshape(2, 3),
        "b": np.asfortranarray(np.ones((3, 2), np.float16)),
        "c": np.array("text"),
    }
    np.savez_compressed(tmp_path / "a.npz", allow_pickle=False, **saved)  # type: ignore[arg-type]
    read = read_npz(tmp_path / "a.npz")
    assert set(read) == set(saved)
    for name, array in saved.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


def test_a_header_that_promises_terabytes_takes_no_memory(tmp_path: Path) -> None:
    path = _zipped(tmp_path / "a.npz", "a.npy", _header((10**13,)) + bytes(100))
    with pytest.raises(ValueError, match="10,000,000,000,000 bytes, and has 100"):
        read_npz(path)


def test_zeros_that_inflate_beyond_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MOST_BYTES", 1000)
    path = _zipped(tmp_path / "a.npz", "a.npy", _header((2000,)) + bytes(2000))
    with pytest.raises(ValueError, match="inflates to"):
        read_npz(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", b""),
        ("a.npy", b"\x93NUMPY\x03\x00" + bytes(200)),
        ("a.npy", _header((2,), "|O") + bytes(16)),
        ("a.txt", b"words"),
        ("a.npy", _header((3,))[:-5]),
    ],
)
def test_what_is_no_plain_array(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(ValueError):
        read_npz(_zipped(tmp_path / "a.npz", name, content))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"words" * 100])
def test_what_is_no_npz_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="no npz file"):
        read_npz(tmp_path / "a.npz")


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    path = _zipped(tmp_path / "a.npz", "a.npy", _header((4000,)) + bytes(range(250)) * 16)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(ValueError):
        read_npz(path)
