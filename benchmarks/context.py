"""What context costs in reading: tiles with what lies around them against the same tiles alone.

    python benchmarks/context.py [--slide FILE] [--size 96] [--mpp 0.5] [--tiles 8192] [--threads 2] [--rounds 9]

Without `--slide` a 16,384-px JPEG pyramid of tissue-like texture is made first (0.25 µm/px, 256-px tiles, quality 80).
A round reads a band of tiles alone and with context, one after the other; the ratio is the median over the rounds'
ratios of the times. The slide stays open with a cache that is smaller than a band, so that every tile is decoded in
every round, and contexts are read anew each time. Tiles are dropped, as by a model that costs nothing.
"""

import argparse
import json
import tempfile
from itertools import cycle
from pathlib import Path

from interleaving import Run, interleave
from reading import CACHE_BYTES, make_slide, tile_bands
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import read_batches

TARGET = 1.3
_BATCH = 256


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        path = options.slide or make_slide(Path(folder) / "texture.tif", 16_384)
        with open_slide(path, cache_bytes=CACHE_BYTES) as slide:
            # Rates of the times, so that the ratio is that of the times.
            runs = {
                "alone": _reading(slide, options, context=False),
                "with context": _reading(slide, options, context=True),
            }
            result = interleave(runs, options.rounds).compared("alone", "with context", TARGET)
    shown = {"size_px": options.size, "mpp": options.mpp, "threads": options.threads, **result}
    print(json.dumps(shown, indent=2) if options.json else "\n".join(f"{key}: {value}" for key, value in shown.items()))


def _reading(slide: Slide, options: argparse.Namespace, *, context: bool) -> Run:
    bands = cycle(tile_bands(slide, options.size, options.mpp, options.tiles))

    def run() -> int:
        corners = next(bands)
        parts = read_batches(
            slide, options.mpp, options.size, corners[:, 0], corners[:, 1], batch=_BATCH, threads=options.threads,
            context=context,
        )  # fmt: skip
        return sum(len(part.tiles) for part in parts)

    return run


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--slide", type=Path)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--mpp", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tiles", type=int, default=8192)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
