"""Images that are cut into tiles when they are packed: nothing is lost, and one is had back as it was."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.core.errors import DataError, StorageError
from sentinode.core.images import pixel_hash
from sentinode.core.progress import Progress
from sentinode.data import decoder
from sentinode.data.address import open_source
from sentinode.data.dataset import Dataset
from sentinode.data.pack import pack

SIDE = 16
SIZES = ((40, 28), (16, 16), (16, 50), (33, 17), (20, 90), (31, 31), (64, 48), (17, 16), (25, 25), (48, 16), (50, 50))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Folder of eleven images of each of two classes, of all kinds of sizes."""
    rng = np.random.default_rng(0)
    for name in ("normal", "tumour"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number, (height, width) in enumerate(SIZES):
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number:02d}.png")
    return tmp_path / "images"


Load = Callable[..., Dataset]


def test_every_image_comes_back_whole(load: Load, photographs: Path) -> None:
    data = load(photographs, tile_size=SIDE, split={"fractions": (1, 0, 0)})
    images = data.images("train")
    table = data.manifest.table
    assert len(images) == len(table) == 2 * len(SIZES)
    assert data.tiles.shape == (sum(data.pack.count(row) for row in table["row"]), SIDE, SIDE, 3)
    for place, (path, pixels) in enumerate(zip(table["path"], table["pixels"], strict=True)):
        expected = np.asarray(Image.open(path))
        np.testing.assert_array_equal(images[place], expected)
        assert pixels == pixel_hash(expected)  # of the whole image: another tile size changes no hash
    assert load(photographs, tile_size=SIDE - 4, split={"fractions": (1, 0, 0)}).manifest.hash == data.manifest.hash


def test_several_at_once_are_to_be_had_where_each_is_one_tile(load: Load, photographs: Path) -> None:
    data = load(photographs, tile_size=SIDE, split={"fractions": (1, 0, 0)})
    images = data.images("train")
    single = [place for place, (height, width) in enumerate(SIZES) if height == width == SIDE]
    assert images[np.array(single)].shape == (len(single), SIDE, SIDE, 3)
    with pytest.raises(DataError, match=r"16 px.*one by one"):
        images[:3]
    with pytest.raises(DataError, match="no common size"):
        _ = images.shape


def test_the_tile_that_stands_for_an_image_is_in_its_middle(load: Load, photographs: Path) -> None:
    data = load(photographs, tile_size=SIDE, split={"fractions": (1, 0, 0)})
    rows = data.manifest.rows("train")
    assert (data.pack.central(rows) >= rows).all()
    last = data.images("train")[len(SIZES) - 1]  # 50 × 50: of its 4 × 4 tiles the third of the third row
    np.testing.assert_array_equal(data.tiles[data.pack.central(rows)[len(SIZES) - 1]], last[23:39, 23:39])


def test_an_image_smaller_than_a_tile_is_of_another_size(load: Load, photographs: Path) -> None:
    with pytest.raises(DataError, match=r"8 images .*17 px.*normal/01.png, 16×16 px"):
        load(photographs, tile_size=17)
    data = load(photographs, tile_size=17, on_size="drop", split={"fractions": (1, 0, 0)})
    assert data.manifest.excluded() == {"smaller than a tile": 8}
    kept = [size for size in SIZES if min(size) >= 17]
    assert [image.shape[:2] for image in data.images("train")] == 2 * kept


def test_without_a_tile_size_the_error_names_it(load: Load, photographs: Path) -> None:
    with pytest.raises(DataError, match=r"data\.tile_size"):
        load(photographs)


@pytest.mark.parametrize("stopped_at", [1, 7, 16, 20])
@pytest.mark.parametrize("torn", [0, 1000])
def test_a_stopped_pass_goes_on(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_at: int, torn: int
) -> None:
    (photographs / "normal" / "03.png").write_bytes(b"no image")
    source = open_source(str(photographs))
    whole = pack(source, tmp_path / "whole", Progress(), SIDE)
    monkeypatch.setattr(decoder, "_PHOTOGRAPHS", 3)
    calls = 0
    real = type(source).read

    def read(self: object, index: int) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == stopped_at:
            raise KeyboardInterrupt
        return real(self, index)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(type(source), "read", read)
        with pytest.raises(KeyboardInterrupt):
            pack(source, tmp_path / "cache", Progress(), SIDE)
    tiles = next((tmp_path / "cache" / "packs").glob("*.partial")) / "tiles.npy"
    with tiles.open("ab") as file:  # as if it had been stopped in the middle of a write
        file.write(bytes(torn))
    resumed = pack(source, tmp_path / "cache", Progress(), SIDE)
    np.testing.assert_array_equal(resumed.tiles, whole.tiles)
    assert resumed.index.equals(whole.index)
    assert resumed.index["status"].value_counts().to_dict() == {"packed": 21, "unreadable": 1}


def test_a_disk_that_is_too_small_is_noticed_before_the_block(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(StorageError, match="packing needs"):
        pack(open_source(str(photographs)), tmp_path / "cache", Progress(), SIDE)
