"""A slide in Leica's SCN, whose scanned area lies somewhere on a larger canvas."""

from pathlib import Path

import numpy as np

from sentinode.core.extras import require
from sentinode.slides.reader import Pixels
from sentinode.testing.oddities.pictures import MPP

tifffile = require("tifffile", extra="scan")

_NM_PER_PX = round(1000 * MPP)
_GLASS_NM = (5_120_000, 7_680_000)
_MACRO = (256, 384)
_IMAGE = """<image name="{name}" uuid="{name}"><creationDate>2020-01-01T00:00:00Z</creationDate>
<device model="m" version="1"/><pixels sizeX="{size[0]}" sizeY="{size[1]}">{dimensions}</pixels>
<view sizeX="{view[0]}" sizeY="{view[1]}" offsetX="{offset[0]}" offsetY="{offset[1]}" spacingZ="0"/>
<scanSettings><objectiveSettings><objective>{power}</objective></objectiveSettings><illuminationSettings>
<numericalAperture>0.4</numericalAperture><illuminationSource>brightfield</illuminationSource></illuminationSettings>
</scanSettings></image>"""
_DIMENSION = '<dimension sizeX="{0}" sizeY="{1}" r="{2}" ifd="{3}"/>'


def write_scn(path: Path, pixels: Pixels, x: int, y: int) -> None:
    """A slide at `MPP` µm/px of two levels; OpenSlide puts its corner at level-0 (`x`, `y`) of the canvas."""
    levels = [pixels, pixels[::4, ::4]]
    macro = np.full((_MACRO[1], _MACRO[0], 3), 240, np.uint8)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, image in enumerate((macro, *levels)):
            text = _description(levels, x, y) if number == 0 else None
            file.write(image, photometric="rgb", tile=(64, 64), compression="lzw", description=text, metadata=None)


def _description(levels: list[Pixels], x: int, y: int) -> str:
    sizes = [(level.shape[1], level.shape[0]) for level in levels]
    macro = _IMAGE.format(
        name="macro",
        size=_MACRO,
        dimensions=_DIMENSION.format(*_MACRO, 0, 0),
        view=_GLASS_NM,
        offset=(0, 0),
        power=1.25,
    )
    main = _IMAGE.format(
        name="main", size=sizes[0], power=20,
        dimensions="".join(_DIMENSION.format(*size, number, number + 1) for number, size in enumerate(sizes)),
        view=[side * _NM_PER_PX for side in sizes[0]], offset=(x * _NM_PER_PX, y * _NM_PER_PX),
    )  # fmt: skip
    size = f'sizeX="{_GLASS_NM[0]}" sizeY="{_GLASS_NM[1]}"'
    space = "http://www.leica-microsystems.com/scn/2010/10/01"
    collection = f'<collection name="c" uuid="u" {size}>{macro}{main}</collection>'
    return f'<?xml version="1.0"?><scn xmlns="{space}">{collection}</scn>'
