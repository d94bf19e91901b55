"""Tiles per second of reading alone: our direct reader against OpenSlide with PIL, both in two threads.

    python benchmarks/reading.py [--slide FILE] [--size 256] [--mpp 0.25] [--threads 2] [--rounds 9] [--tiles 512]

Without `--slide` a 16,384-px JPEG pyramid of tissue-like texture is made first (256-px tiles, quality 80). Each round
reads the same band of tiles through both, one after the other, so that a machine whose speed swings treats them alike;
the ratio is the median over the rounds' ratios. Both slides stay open, with caches of equal size that are smaller than
a band, so that every tile is decoded in every round. Tiles are handed over as arrays and dropped, as to a model that
costs nothing. OpenSlide is given the same level and two threads, and PIL reduces by area where the level is finer than
asked for. Before timing, the tiles of both are compared. The ratio of the processor time used is given too: other
processes on the machine disturb it less.
"""

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openslide
import pyvips
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from sentinode.slides.reader import Pixels
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import read_batches

Corners = NDArray[np.int64]
Read = Callable[[Corners], Iterator[Pixels]]

TARGET = 4.0
MPP = 0.25
BATCH = 64
CACHE_BYTES = 32 << 20
"""What OpenSlide takes by itself: 160 tiles of 256 px for us, 128 for OpenSlide, which keeps four bytes a pixel."""


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        path = options.slide or make_slide(Path(folder) / "texture.tif", 16_384)
        with open_slide(path, reader="tiff", cache_bytes=CACHE_BYTES) as slide, openslide.OpenSlide(path) as other:
            other.set_cache(openslide.OpenSlideCache(CACHE_BYTES))
            bands = tile_bands(slide, options.size, options.mpp, options.tiles)
            readers = {
                "sentinode": ours(slide, options),
                "openslide and PIL": openslide_and_pil(other, slide, options),
            }
            difference = largest_difference(readers, bands[len(bands) // 2])
            wall, processor = measure(readers, bands, options.rounds)
    result = {
        "size_px": options.size,
        "mpp": options.mpp,
        "threads": options.threads,
        "rounds": options.rounds,
        "tiles_per_second": {name: round(statistics.median(rate), 1) for name, rate in wall.items()},
        "ratio": round(_ratio(wall), 2),
        "target": TARGET,
        "ratio_of_processor_time": round(_ratio(processor), 2),
        "largest_difference": difference,
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(result, indent=2) if options.json else _table(result))


def make_slide(path: Path, side: int) -> Path:
    """A pyramid of `side`² px: a texture of nuclei, fibres and glass, each repeat in a stain of its own strength."""
    random = np.random.default_rng(0)
    patch = 2048
    nuclei = gaussian_filter(random.normal(size=(patch, patch)), 5, mode="wrap") * 20 > 0.9
    fibres = gaussian_filter(random.normal(size=(patch, patch)), (2, 14), mode="wrap") * 12
    tissue = gaussian_filter(random.normal(size=(patch, patch)), 120, mode="wrap") * 400 > -0.6
    density = tissue * (0.25 + 0.10 * fibres.clip(-1, 1) + 0.6 * gaussian_filter(nuclei.astype(float), 1, mode="wrap"))
    stain = np.array([0.55, 0.95, 0.35])
    patches = [
        np.rint(240 * np.exp(-strength * density[..., None] * stain)).clip(0, 255).astype(np.uint8)
        for strength in (0.8, 1.0, 1.2, 1.4)
    ]
    count = side // patch
    order = random.integers(len(patches), size=count * count)
    image = pyvips.Image.arrayjoin([pyvips.Image.new_from_array(patches[n]) for n in order], across=count)
    pixels_per_mm = 1000 / MPP
    image.tiffsave(
        str(path), tile=True, tile_width=256, tile_height=256, pyramid=True, compression="jpeg", Q=80, bigtiff=True,
        xres=pixels_per_mm, yres=pixels_per_mm, resunit="cm",
    )  # fmt: skip
    return path


def tile_bands(slide: Slide, size: int, mpp: float, tiles: int) -> list[Corners]:
    """Level-0 corners (n, 2) of aligned tiles, row by row, in bands of `tiles`, or of all if there are fewer."""
    step = round(size * mpp / slide.mpp.x)
    x, y = np.meshgrid(np.arange(0, slide.width - step + 1, step), np.arange(0, slide.height - step + 1, step))
    corners = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.int64)
    tiles = min(tiles, len(corners))
    return [corners[start : start + tiles] for start in range(0, len(corners) - tiles + 1, tiles)]


def measure(
    readers: dict[str, Read], bands: list[Corners], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Tiles per second, and per second of processor time, of each reader in each round; the first is not counted."""
    wall: dict[str, list[float]] = {name: [] for name in readers}
    processor: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(rounds + 1):
        band = bands[number % len(bands)]
        for name, read in readers.items():
            start, used = time.perf_counter(), time.process_time()
            count = sum(1 for _ in read(band))
            assert count == len(band)
            if number:
                wall[name].append(count / (time.perf_counter() - start))
                processor[name].append(count / (time.process_time() - used))
    return wall, processor


def ours(slide: Slide, options: argparse.Namespace) -> Read:
    """The direct reader, as the scanner uses it."""

    def read(corners: Corners) -> Iterator[Pixels]:
        x, y = corners[:, 0], corners[:, 1]
        for batch in read_batches(slide, options.mpp, options.size, x, y, batch=BATCH, threads=options.threads):
            yield from batch.tiles

    return read


def openslide_and_pil(slide: openslide.OpenSlide, same: Slide, options: argparse.Namespace) -> Read:
    """OpenSlide from the level that we read from, PIL reducing where that is finer than asked for."""
    choice = same.level_for(options.mpp)
    level = choice.level
    wide = math.ceil(options.size * choice.scale_x - 0.01)
    small = (options.size, options.size)

    def tile(corner: Corners) -> Pixels:
        image = slide.read_region((int(corner[0]), int(corner[1])), level, (wide, wide)).convert("RGB")
        return np.asarray(image if wide == options.size else image.resize(small, Image.Resampling.BOX))

    def read(corners: Corners) -> Iterator[Pixels]:
        with ThreadPoolExecutor(options.threads) as pool:
            for start in range(0, len(corners), BATCH):  # as many tiles in memory as a batch has
                yield from pool.map(tile, corners[start : start + BATCH])

    return read


def largest_difference(readers: dict[str, Read], corners: Corners) -> int:
    """Grey levels between the readers on some tiles."""
    some = corners[:: max(1, len(corners) // 16)]
    first, second = (np.stack(list(read(some))).astype(np.int16) for read in readers.values())
    return int(np.abs(first - second).max())


def _ratio(rates: dict[str, list[float]]) -> float:
    ours_, theirs = rates.values()
    return statistics.median(own / other for own, other in zip(ours_, theirs, strict=True))


def _table(result: dict[str, object]) -> str:
    rates = result["tiles_per_second"]
    assert isinstance(rates, dict)
    lines = [
        f"{result['size_px']} px at {result['mpp']} µm/px, {result['threads']} threads, load {result['load']}",
        *(f"  {name:<28}{rate:>9,.1f} tiles/s" for name, rate in rates.items()),
        f"  ratio                       {result['ratio']:>9} (target {result['target']})",
        f"  ratio of processor time     {result['ratio_of_processor_time']:>9}",
        f"  largest difference          {result['largest_difference']:>9} grey levels",
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--slide", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--mpp", type=float, default=MPP)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tiles", type=int, default=512)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
