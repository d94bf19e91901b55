"""Small slide files with known pixels, as scanners and converters write them."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import imagecodecs
import numpy as np
import pyvips
import tifffile
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

TILE_WIDTH, TILE_HEIGHT = 64, 48
_SUBFILE_TYPES = {"thumbnail": 0, "label": 1, "macro": 9}
APERIO = "Aperio Image Library v11.2.1\r\n{}x{} [0,0 {}x{}] (64x48) JPEG/RGB Q=85|AppMag = 20|MPP = 0.5000|User = x=y"


def picture(width: int = 472, height: int = 328) -> Pixels:
    """Smooth colours with a grain: compresses, and no two places are alike. White nowhere."""
    y, x = np.mgrid[:height, :width]
    waves = [120 + 70 * np.sin(x / 17 + y / 41), 110 + 80 * np.cos(x / 31 - y / 13), 130 + 60 * np.sin(y / 19)]
    grain = np.random.default_rng(5).integers(0, 30, (height, width, 3))
    return (np.stack(waves, axis=-1) + grain).astype(np.uint8)


def ramp(width: int, height: int) -> Pixels:
    """Smooth to the last, so that JPEG hardly changes it."""
    y, x = np.mgrid[:height, :width]
    return np.stack([50 + 2 * x, 230 - 3 * y, 60 + x + y], axis=-1).astype(np.uint8)


def pyramid(pixels: Pixels, levels: int = 4) -> list[Pixels]:
    """Each level the 2×2 mean of the one before; an odd last row or column is dropped."""
    made = [pixels]
    while len(made) < levels:
        last = made[-1]
        height, width = (side // 2 * 2 for side in last.shape[:2])
        blocks = last[:height, :width].reshape(height // 2, 2, width // 2, 2, 3)
        made.append(blocks.mean(axis=(1, 3)).round().astype(np.uint8))
    return made


def write_tiff(
    path: Path,
    levels: list[Pixels],
    *,
    compression: Any = "jpeg",
    photometric: str = "ycbcr",
    predictor: bool = False,
    sub_ifds: bool = False,
    description: str | None = None,
    resolution: tuple[float, float] | None = (20_000.0, 20_000.0),
    unit: str = "CENTIMETER",
    left_out: frozenset[tuple[int, int]] = frozenset(),
    bigtiff: bool = False,
    byteorder: Literal["<", ">"] = "<",
    associated: dict[str, Pixels] | None = None,
) -> list[Pixels]:
    """A tiled TIFF; `left_out` are (level, tile) without data. Returns what its levels are to decode to."""
    common: dict[str, Any] = {
        "tile": (TILE_HEIGHT, TILE_WIDTH), "compression": compression, "photometric": photometric, "metadata": None,
        "predictor": predictor, "resolutionunit": unit, "dtype": np.uint8,
    }  # fmt: skip
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=byteorder) as file:
        for number, pixels in enumerate(levels):
            tiles = _tiles(pixels, {tile for level, tile in left_out if level == number}, compression)
            reduced: dict[str, Any] = {"subfiletype": 1} if number else {"subifds": len(levels) - 1 if sub_ifds else 0}
            at_level = None if resolution is None else (resolution[0] / 2**number, resolution[1] / 2**number)
            file.write(tiles, shape=pixels.shape, description=description, resolution=at_level, **common, **reduced)
            if number == 0:
                _write_associated(file, associated or {})
    if compression != "jpeg":
        return levels
    with tifffile.TiffFile(path) as read:
        tiled = _tiled_pages(read)
        below = tiled[0].pages if sub_ifds else tiled[1:]
        return [tiled[0].asarray(), *(page.asarray() for page in below or ())]


def _tiled_pages(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    return [page for page in file.pages if isinstance(page, tifffile.TiffPage) and page.is_tiled]


def _write_associated(file: tifffile.TiffWriter, associated: dict[str, Pixels]) -> None:
    # As Aperio does it: the thumbnail second, label and macro told by their subfile types.
    for name, pixels in associated.items():
        text = f"Aperio Image Library v11.2.1\r\n{name} {pixels.shape[1]}x{pixels.shape[0]}"
        file.write(
            pixels, photometric="rgb", rowsperstrip=16, description=text, metadata=None,
            compression="lzw" if name == "label" else "jpeg", subfiletype=_SUBFILE_TYPES[name],
        )  # fmt: skip


def _tiles(pixels: Pixels, left_out: set[int], compression: Any) -> Iterator[Any]:
    height, width = pixels.shape[:2]
    number = 0
    for y in range(0, height, TILE_HEIGHT):
        for x in range(0, width, TILE_WIDTH):
            part = pixels[y : y + TILE_HEIGHT, x : x + TILE_WIDTH]
            full = np.pad(part, ((0, TILE_HEIGHT - part.shape[0]), (0, TILE_WIDTH - part.shape[1]), (0, 0)), "edge")
            if number in left_out:
                yield None
            elif compression == 33003:
                yield imagecodecs.jpeg2k_encode(_ycbcr(full), level=0, mct=False, codecformat="j2k", reversible=True)
            elif compression == 33005:
                yield imagecodecs.jpeg2k_encode(full, level=0, codecformat="j2k", reversible=True)
            else:
                yield full
            number += 1


def _ycbcr(rgb: Pixels) -> Pixels:
    red, green, blue = (rgb[..., n].astype(float) for n in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = [luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402]
    return np.stack(planes, axis=-1).round().clip(0, 255).astype(np.uint8)


def write_svs(path: Path, levels: list[Pixels], **changes: Any) -> list[Pixels]:
    """As Aperio's scanners write it: RGB in JPEG, levels as pages, thumbnail, label and macro in strips."""
    height, width = levels[0].shape[:2]
    small = {"thumbnail": ramp(59, 41), "label": ramp(47, 31), "macro": ramp(90, 21)}
    text = APERIO.format(width, height, width, height)
    settings = {"photometric": "rgb", "description": text, "resolution": None, "associated": small, **changes}
    return write_tiff(path, levels, **settings)


def write_vips(path: Path, pixels: Pixels) -> list[Pixels]:
    """A pyramid as `vips tiffsave` writes it: subsampled YCbCr, shared JPEG tables, levels as pages, BigTIFF."""
    pyvips.Image.new_from_array(pixels).tiffsave(
        str(path), tile=True, tile_width=TILE_WIDTH, tile_height=TILE_HEIGHT, pyramid=True, compression="jpeg", Q=80,
        bigtiff=True, xres=2000, yres=2000, resunit="cm",
    )  # fmt: skip
    with tifffile.TiffFile(path) as file:
        assert 347 in file.pages.first.tags  # the tables are shared
        return [page.asarray() for page in file.pages]


def write_image(path: Path, pixels: Pixels) -> list[Pixels]:
    """A plain image: PNG, or TIFF in strips."""
    Image.fromarray(pixels).save(path)
    return [pixels]


def zero_tile(path: Path, level: int, tile: int, *, skip: int = 200, count: int = 60) -> None:
    """Overwrite `count` bytes of a tile with zeros, as a lost sector does."""
    with tifffile.TiffFile(path) as file:
        page = _tiled_pages(file)[level]
        start = page.dataoffsets[tile] + skip
        assert page.databytecounts[tile] > skip + count
    content = bytearray(path.read_bytes())
    content[start : start + count] = bytes(count)
    path.write_bytes(content)


def write_repeated(path: Path, width: int, height: int, tile: bytes, side: int) -> None:
    """A BigTIFF of three levels, each a quarter of the one before, in which every tile is the same JPEG `tile`."""
    content = bytearray(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) + tile)
    pointer = 8  # where the place of the next directory is to be written
    for number in range(3):
        level_width, level_height = width // 4**number, height // 4**number
        tiles = -(-level_width // side) * -(-level_height // side)
        offsets = len(content)
        content += np.full(tiles, 16, "<u8").tobytes()
        sizes = len(content)
        content += np.full(tiles, len(tile), "<u4").tobytes()
        tags = [
            (254, 4, 1, int(number > 0)), (256, 4, 1, level_width), (257, 4, 1, level_height), (258, 3, 3, 0x800080008),
            (259, 3, 1, 7), (262, 3, 1, 6), (277, 3, 1, 3), (322, 4, 1, side), (323, 4, 1, side),
            (324, 16, tiles, offsets), (325, 4, tiles, sizes), (530, 3, 2, 0x20002),
        ]  # fmt: skip
        struct.pack_into("<Q", content, pointer, len(content))
        content += struct.pack("<Q", len(tags)) + b"".join(struct.pack("<HHQQ", *tag) for tag in tags)
        pointer = len(content)
        content += bytes(8)
    path.write_bytes(content)
