"""Small files that would be decoded for minutes, or into gigabytes."""

from collections.abc import Callable
from pathlib import Path

from sentinode.core.images import read_image
from sentinode.slides.slide import open_slide
from sentinode.testing.hostile_images import png_with_second_header, repeated_scans, tiff_of_directories
from sentinode.testing.hostile_slides import endless_directories, one_tile_everywhere, repeated_sub_directories
from sentinode.testing.oddities.oddity import Oddity
from sentinode.testing.oddities.pictures import only_file


def _written(file: str, content: Callable[[], bytes]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / file).write_bytes(content())

    return write


def _read_thumbnail(folder: Path) -> None:
    with open_slide(only_file(folder)) as slide:
        slide.thumbnail(max_side=64)


def _read_patch(folder: Path) -> None:
    read_image(only_file(folder))


def _slide(name: str, about: str, content: Callable[[], bytes], refusal: str = "") -> Oddity:
    return Oddity(f"slides/{name}", about, _written("slide.tif", content), _read_thumbnail, refusal)


def _patch(name: str, about: str, file: str, content: Callable[[], bytes], refusal: str) -> Oddity:
    return Oddity(f"patches/{name}", about, _written(file, content), _read_patch, refusal)


HEAVY: tuple[Oddity, ...] = (
    _slide(
        "one-level-of-400-megapixels", "20,000 px each way and no coarser level, in a file of some kilobytes",
        lambda: one_tile_everywhere(20_000, 1024),
    ),
    _slide(
        "tile-larger-than-its-place", "JPEG tiles of 4,000 px in places of 256 px",
        lambda: one_tile_everywhere(512, 256, held_side=4000), "4,000×4,000 px, not 256×256",
    ),
    _slide(
        "jpeg-2000-larger-than-its-place", "JPEG 2000 tiles of 2,000 px in places of 256 px",
        lambda: one_tile_everywhere(512, 256, held_side=2000, jpeg_2000=True), "2,000×2,000 px, not 256×256",
    ),
    _slide(
        "tile-of-64-megapixels", "a tile of 8,192 px", lambda: one_tile_everywhere(8000, 8192, held_side=64),
        "tiles of 8,192×8,192 px",
    ),
    _slide(
        "one-directory-many-times", "50 SubIFDs that are one directory",
        lambda: repeated_sub_directories(5000, 256, 50), "directories never end",
    ),
    _slide("directory-before-itself", "a directory that follows itself", endless_directories, "directories never end"),
    _patch(
        "repeated-scans", "a progressive JPEG of 2,000 scans", "patch.jpg",
        lambda: repeated_scans(512, 512, 2000), "2,000 scans",
    ),
    _patch(
        "second-header", "a PNG that says another size later on", "patch.png",
        lambda: png_with_second_header(96, 96, 5000, 5000), "second header",
    ),
    _patch(
        "many-directories", "a TIFF of 80,001 pages", "patch.tif", lambda: tiff_of_directories(80_001),
        "100 pages or more",
    ),
)  # fmt: skip
"""Each is read in a band of memory, or refused before anything is decoded."""
