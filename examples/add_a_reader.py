"""A reader for a file format of your own: facts, and four methods.

    python examples/add_a_reader.py FOLDER

In a package of yours, an entry point makes `sn.open_slide` and `sentinode scan` find it:

    [project.entry-points."sentinode.readers"]
    npy = "my_package:NpyReader"

`sentinode.testing.ReaderTests` says whether it keeps the contract.
"""

import sys
from pathlib import Path

import numpy as np

from sentinode.core.errors import SlideReadError, UnsupportedSlideError
from sentinode.slides.mpp import Mpp
from sentinode.slides.reader import Level, Pixels, Reader, ReaderFacts
from sentinode.slides.slide import Slide


class NpyReader(Reader):
    """A slide of one level in a NumPy file, (height, width, 3) uint8, at 0.5 µm/px."""

    def __init__(self, path: Path, cache_bytes: int) -> None:
        """Map the file; nothing is kept, so `cache_bytes` is not needed."""
        if path.suffix != ".npy":
            raise UnsupportedSlideError(f"{path}: no .npy file")
        self._pixels: Pixels | None = np.load(path, mmap_mode="r")
        height, width = self._pixels.shape[:2]
        self.facts = ReaderFacts("npy", path, (Level(width, height, 1.0, 1.0),), {}, Mpp(0.5, 0.5), "the format's own")

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Pixels of a rectangle; white outside the slide."""
        if self._pixels is None or level != 0:
            state = "is closed" if self._pixels is None else "has level 0 alone"
            raise SlideReadError(f"{self.facts.path}: level {level} can't be read: the slide {state}")
        out = np.full((height, width, 3), 255, np.uint8)
        left, top = max(x, 0), max(y, 0)
        part = self._pixels[top : max(y + height, top), left : max(x + width, left)]
        out[top - y :, left - x :][: part.shape[0], : part.shape[1]] = part
        return out

    def read_associated(self, name: str) -> Pixels:
        """There is none."""
        raise SlideReadError(f"{self.facts.path} has no associated image {name!r}; it has: none")

    def close(self) -> None:
        """Let the file go."""
        self._pixels = None


def main(out: Path) -> None:
    """Write a file, and read it at another µm/px."""
    out.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(80, 230, (300, 400, 3)).astype(np.uint8)
    np.save(out / "slide.npy", pixels)
    with Slide(NpyReader(out / "slide.npy", 0)) as slide:
        print(f"{slide.name}: {slide.width} × {slide.height} px")
        print(f"read at 1 µm/px: {slide.read_at(1.0, 0, 0, 96, 96).shape}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "read"))
