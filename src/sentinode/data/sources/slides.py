"""`slides:DIR`: tiles that `sentinode tiles` drew, read straight from the slides."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from sentinode.core.context import FACTOR
from sentinode.core.errors import DataNotFoundError, ImageError, SlideError, SlideNotFoundError
from sentinode.core.files import sha256_of_json
from sentinode.data.source import Exclusion, Record
from sentinode.data.tiles.open_slides import OpenSlides
from sentinode.data.tiles.tile_folder import TiledSlide, TileSet, holds_tiles, read_tile_folder
from sentinode.data.tiles.tiles_config import CLASS_NAMES, TUMOUR, TilesConfig
from sentinode.slides.context import ContextBlocks, read_with_context
from sentinode.slides.reader import READING
from sentinode.slides.slide import Slide, open_slide

_CACHE_BYTES = 64 << 20  # of decoded file tiles for each open slide: tiles are read row by row


def recognises(path: Path) -> bool:
    """Whether `path` is a folder of drawn tiles."""
    return path.is_dir() and holds_tiles(path)


def open_path(path: Path) -> "SlidesSource":
    """Open the tiles at `path`.

    Raises:
        DataError: There are none, or they are damaged.
    """
    return SlidesSource(path, read_tile_folder(path))


class SlidesSource:
    """Tiles of slides; implements `sentinode.data.source.Source`, `Scaled` and `Contextual`."""

    class_names = CLASS_NAMES
    positive = TUMOUR

    def __init__(self, folder: Path, tiles: TileSet) -> None:
        self.address = f"slides:{folder}"
        self.tiles = tiles
        self._slides = {slide.name: slide for slide in tiles.record.slides}
        self._names = tiles.table["slide"].tolist()
        self._x0, self._y0 = tiles.table["x0"].tolist(), tiles.table["y0"].tolist()
        # With a method of this object the two would hold each other, and files stay open until garbage is collected.
        self._open = OpenSlides(partial(_open_slide, self._slides, tiles.record.config))
        self._around: WeakKeyDictionary[Slide, ContextBlocks] = WeakKeyDictionary()
        self._lock = Lock()

    @property
    def mpp(self) -> float:
        """µm/px of the tiles."""
        return self.tiles.record.config.mpp

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Every tile, slide by slide, by rows from the top; its group is the patient, or else the slide."""
        places = zip(
            self._names, self._x0, self._y0, self.tiles.table["label"], self.tiles.table["split"], strict=True
        )  # fmt: skip
        return tuple(
            Record(
                id=f"{name}/{x0}_{y0}",
                path=f"{self._slides[name].file}#{x0},{y0}",
                label=label,
                group=self._slides[name].group,
                split=split,
            )
            for name, x0, y0, label, split in places
        )

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """Slides that no tile could be drawn from."""
        record = self.tiles.record
        failed = tuple(Exclusion("unreadable slide", one.name, one.message) for one in record.failures)
        return failed + tuple(Exclusion("slide left out", name, why) for name, why in record.left_out.items())

    @property
    def has_context(self) -> bool:
        """Whether the tiles were drawn with what lies around them."""
        return self.tiles.record.config.context

    def read(self, index: int) -> NDArray[np.uint8]:
        """Pixels of `records[index]`; see `Source.read`."""
        config = self.tiles.record.config
        with self._leased(index) as slide:
            return slide.read_at(config.mpp, self._x0[index], self._y0[index], config.size_px, config.size_px)

    def read_pair(self, index: int) -> NDArray[np.uint8]:
        """Pixels of `records[index]` and of its context; see `Contextual.read_pair`."""
        config = self.tiles.record.config
        with self._leased(index) as slide:
            with self._lock:
                if slide not in self._around:
                    self._around[slide] = ContextBlocks(slide, config.mpp, config.size_px)
                blocks = self._around[slide]
            return read_with_context(slide, blocks, config.mpp, self._x0[index], self._y0[index], config.size_px)

    @contextmanager
    def _leased(self, index: int) -> Iterator[Slide]:
        """The open slide of a tile; what is wrong with it is said as of an image."""
        try:
            with self._open.lease(self._names[index]) as slide:
                yield slide
        except SlideNotFoundError as error:
            raise DataNotFoundError(str(error)) from error
        except SlideError as error:
            raise ImageError(str(error)) from error

    def fingerprint(self) -> str:
        """A hash of the places of tiles, of their size and µm/px, and of each slide's size and time."""
        config = self.tiles.record.config
        stamps = [[slide.name, *_stamp(slide)] for slide in self.tiles.record.slides]
        places = [self._names, self._x0, self._y0]
        context = ["context", FACTOR] if config.context else []
        return sha256_of_json(["slides", READING, config.size_px, config.mpp, stamps, places, *context])


def _open_slide(slides: Mapping[str, TiledSlide], config: TilesConfig, name: str) -> Slide:
    known = slides[name]
    slide = open_slide(Path(known.file), mpp=config.slide_mpp, cache_bytes=_CACHE_BYTES, series=config.series)
    if (slide.width, slide.height) != (known.width, known.height):
        slide.close()
        raise SlideError(
            f"{known.file} has {slide.width} × {slide.height} px, and had {known.width} × {known.height} when "
            "tiles were drawn; draw them again"
        )
    return slide


def _stamp(slide: TiledSlide) -> list[int]:
    try:
        status = Path(slide.file).stat()
    except OSError:  # reading it will say what is wrong; when it is there again, the hash changes
        return []
    return [status.st_size, status.st_mtime_ns]
