"""Which images of a TIFF file are a slide's levels and which stand beside it, by OpenSlide's rules, and SubIFDs too."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SlideError, UnsupportedSlideError
from sentinode.core.messages import plural
from sentinode.slides.reader import Level
from sentinode.slides.tiff.directories import Directory, TiffDirectories
from sentinode.slides.tiff.tiff_pictures import chosen_picture, is_aperio, pictures_in
from sentinode.slides.tiff.tiff_refusals import is_unspecified, refuse_other_vendor
from sentinode.slides.tiff.tiff_tags import (
    BITS,
    COMPRESSION,
    DESCRIPTION,
    FILL_ORDER,
    HEIGHT,
    JPEG_TABLES,
    ORIENTATION,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    RESOLUTION_UNIT,
    SAMPLES,
    SOFTWARE,
    SUBFILE_TYPE,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    X_RESOLUTION,
    Y_RESOLUTION,
)
from sentinode.slides.tiff.tile_codec import COMPRESSIONS, HORIZONTAL, JPEG, JPEG_2000, RGB, YCBCR, TileCodec

_ASSOCIATED = {1: "label", 9: "macro"}  # subfile types, as Aperio uses them
_MOST_LEVELS = 64
"""A level for each halving of the largest TIFF would be 32."""
_MOST_TILES = 1 << 24
"""Of a level: a million pixels each way in tiles of 256 px."""
_UNITS = {2: "inch", 3: "centimeter"}
_TEXTS = {
    269: "DocumentName",
    DESCRIPTION: "ImageDescription",
    271: "Make",
    272: "Model",
    SOFTWARE: "Software",
    306: "DateTime",
    315: "Artist",
    33432: "Copyright",
}


@dataclass(frozen=True, eq=False)
class TiledLevel:
    """One level: where its tiles lie in the file, row by row, and how they are stored."""

    level: Level
    coding: TileCodec
    columns: int
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    """Bytes of each tile; 0: the file leaves it out."""


@dataclass(frozen=True, eq=False)
class TiffIndex:
    """What the direct reader knows of a file."""

    levels: tuple[TiledLevel, ...]
    associated: dict[str, int] = field(default_factory=dict)
    """Name → number of the directory in the file's chain."""
    properties: dict[str, str] = field(default_factory=dict)


def read_index(path: Path, series: int | None = None) -> TiffIndex:
    """The index of the TIFF or SVS file at `path`.

    Args:
        path: The file.
        series: Which of its pictures; None: the only one.

    Raises:
        UnsupportedSlideError: Not a TIFF, or one that another reader must take: strips, another vendor's own
            structure, another compression, depth or colour space.
        SlideError: The file is truncated or damaged, or has several pictures and none of them was chosen.
    """
    if path.suffix.lower() == ".ndpi":
        raise UnsupportedSlideError(f"{path}: a TIFF as Hamamatsu writes it, with a structure of its own")
    with TiffDirectories(path) as file:
        first = file.chain[0]
        refuse_other_vendor(path, first)
        if TILE_OFFSETS not in first:
            raise UnsupportedSlideError(f"{path}: its pixels are in strips, not in tiles")
        aperio = is_aperio(first)
        found = chosen_picture(path, pictures_in(file), series).directories
        first = found[0]
        if len(found) > _MOST_LEVELS:
            raise SlideError(f"{path} has {len(found)} levels; save it again with a level for each halving")
        found = sorted(found, key=lambda directory: -directory.number_of(WIDTH, 0))
        size0 = (found[0].number_of(WIDTH, 0), found[0].number_of(HEIGHT, 0))
        levels = [_tiled_level(path, file, directory, size0, aperio=aperio) for directory in found]
        levels = [level for n, level in enumerate(levels) if n == 0 or level.level.width < levels[n - 1].level.width]
        if aperio:
            levels = _spread_left_out(levels)
        return TiffIndex(tuple(levels), _associated(file) if aperio else {}, _properties(first, aperio=aperio))


def _tiled_level(
    path: Path, file: TiffDirectories, directory: Directory, size0: tuple[int, int], *, aperio: bool
) -> TiledLevel:
    width, height = directory.number_of(WIDTH, 0), directory.number_of(HEIGHT, 0)
    coding = _coding(path, directory, aperio=aperio)
    if min(width, height, coding.width, coding.height) < 1:
        sizes_px = f"{width}×{height} px in tiles of {coding.width}×{coding.height} px"
        raise SlideError(f"{path} is damaged: a level of {sizes_px}; copy the file again")
    columns, rows = -(-width // coding.width), -(-height // coding.height)
    if columns * rows > _MOST_TILES:
        raise SlideError(f"{path} has a level of {columns * rows:,} tiles; save it again with tiles of 256 px or more")
    offsets, sizes = (directory.whole_numbers(tag) for tag in (TILE_OFFSETS, TILE_BYTES))
    if len(offsets) != len(sizes):
        listed = f"{plural(len(offsets), 'place')} and {plural(len(sizes), 'size')}"
        raise SlideError(f"{path} is damaged: it lists {listed} of a level's tiles; copy it again")
    if len(offsets) < columns * rows:
        raise SlideError(
            f"{path} is damaged: it lists {len(offsets):,} of a level's {plural(columns * rows, 'tile')}; copy it again"
        )
    if coding.compression in JPEG_2000:
        _refuse_subsampled(path, file, offsets[sizes > 0])
    ends = np.where(sizes > 0, offsets + sizes, 0)
    if ends.max() > file.size:
        lost = int((ends > file.size).sum())
        message = f"{path} is truncated: it ends at byte {file.size:,}, {lost:,} of its tiles should lie behind that"
        raise SlideError(f"{message}; copy the file again")
    level = Level(width, height, size0[0] / width, size0[1] / height, (coding.width, coding.height))
    return TiledLevel(level, coding, columns, offsets[: columns * rows], sizes[: columns * rows])


def _spread_left_out(levels: list[TiledLevel]) -> list[TiledLevel]:
    # As OpenSlide does for Aperio: a tile made from one that was left out is garbage too, and counts as left out.
    spread = levels[:1]
    for coarser in levels[1:]:
        finer = spread[-1]
        rows, coarser_rows = len(finer.sizes) // finer.columns, len(coarser.sizes) // coarser.columns
        row, column = np.divmod(np.flatnonzero(finer.sizes == 0), finer.columns)
        row //= max(1, round(rows / coarser_rows))
        column //= max(1, round(finer.columns / coarser.columns))
        inside = (row < coarser_rows) & (column < coarser.columns)
        sizes = coarser.sizes.copy()
        sizes[(row * coarser.columns + column)[inside]] = 0
        spread.append(replace(coarser, sizes=sizes))
    return spread


def _refuse_subsampled(path: Path, file: TiffDirectories, offsets: NDArray[np.int64]) -> None:
    # One tile speaks for all; should the first be damaged, another does. A codestream (ISO 15444-1, A.5.1) begins with
    # SOC and SIZ; at byte 40 SIZ has the number of components, then for each its depth and its subsampling in x and y.
    heads = (file.bytes_at(int(offset), 51) for offset in offsets[:9])
    head = next((head for head in heads if head.startswith(b"\xff\x4f\xff\x51")), b"")
    if any(step != 1 for place in (42, 45, 48) for step in head[place + 1 : place + 3]):
        message = f"{path}: its JPEG 2000 tiles have subsampled colours"
        raise UnsupportedSlideError(f"{message}, which the direct reader does not support")


def _coding(path: Path, directory: Directory, *, aperio: bool) -> TileCodec:
    samples = directory.number_of(SAMPLES, 1)
    compression = directory.number_of(COMPRESSION, 1)
    photometric = directory.number_of(PHOTOMETRIC, -1)
    predictor = directory.number_of(PREDICTOR, 1)
    bits = set(directory.whole_numbers(BITS).tolist()) or {1}
    colours = {3: {RGB, YCBCR}, 4: {RGB} if is_unspecified(directory) else set()}.get(samples, set())
    if compression != JPEG and compression not in JPEG_2000:
        colours = colours - {YCBCR}  # subsampled without JPEG: nobody's slides
    if compression == JPEG and samples == 4:
        colours = set()  # nobody says whether its first three are transformed
    reasons = {
        f"its compression is number {compression}": compression not in COMPRESSIONS,
        f"it has {max(bits)} bits a sample": bits != {8},
        f"it has {samples} samples a pixel of photometric {photometric}": photometric not in colours,
        "its samples are in separate planes": samples > 1 and directory.number_of(PLANAR, 1) != 1,
        f"its predictor is number {predictor}": compression != JPEG and predictor not in {1, HORIZONTAL},
        "it is turned or mirrored": directory.number_of(ORIENTATION, 1) != 1,
        "its bits are in reverse": directory.number_of(FILL_ORDER, 1) != 1,
    }
    for reason, true in reasons.items():
        if true:
            raise UnsupportedSlideError(f"{path}: {reason}, which the direct reader does not support")
    return TileCodec(
        width=directory.number_of(TILE_WIDTH, 0),
        height=directory.number_of(TILE_HEIGHT, 0),
        samples=samples,
        compression=compression,
        photometric=photometric,
        aperio=aperio,
        predictor=predictor,
        tables=directory.array(JPEG_TABLES).tobytes() if compression == JPEG else b"",
    )


def _associated(file: TiffDirectories) -> dict[str, int]:
    # As OpenSlide 4 tells them: the second directory is the thumbnail, the others say by their subfile type what they
    # are. Only images in strips: tiled ones are levels.
    found = {}
    for number, directory in enumerate(file.chain[1:], start=1):
        if TILE_OFFSETS not in directory:
            name = _ASSOCIATED.get(directory.number_of(SUBFILE_TYPE, 0)) or ("thumbnail" if number == 1 else None)
            if name:
                found[name] = number
    return found


def _properties(first: Directory, *, aperio: bool) -> dict[str, str]:
    properties = {"openslide.vendor": "aperio" if aperio else "generic-tiff"}
    for tag, name in _TEXTS.items():
        if tag in first:
            properties[f"tiff.{name}"] = first.text(tag)
    for tag, name in ((X_RESOLUTION, "XResolution"), (Y_RESOLUTION, "YResolution")):
        values = first.array(tag)
        if values.size and values.dtype.kind != "S":
            properties[f"tiff.{name}"] = repr(float(values[0]))
    unit = _UNITS.get(first.number_of(RESOLUTION_UNIT, 2))  # inch where it is left out, TIFF 6.0 p. 38
    if unit:
        properties["tiff.ResolutionUnit"] = unit
    if aperio:
        for part in first.text(DESCRIPTION).split("|")[1:]:
            key, found, value = part.partition("=")
            if found:
                properties[f"aperio.{key.strip()}"] = value.strip()
        if "aperio.AppMag" in properties:
            properties["openslide.objective-power"] = properties["aperio.AppMag"]
    return properties
