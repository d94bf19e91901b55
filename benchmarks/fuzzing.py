"""Slides and images with faults, through what looks at uploads: what became of them, how long, how much memory.

    python benchmarks/fuzzing.py [--slides 2000] [--images 2000] [--data FOLDER] [--seed 1]

Seeds are drawn slides and images of every kind that is read, and, where `--data` names a folder, the slides and images
below it, of which pieces are taken. Each is read in the process that the server would read it in; a fault of a decoder
ends that process and nothing else. Exit status 1 where one was ended, took longer than five seconds of processor, or
was refused by an error that nobody foresaw.
"""

import argparse
import io
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.errors import SentinodeError
from sentinode.serving.problems import Problem
from sentinode.serving.serve_config import Limits
from sentinode.serving.uploads.image_upload import measure_upload
from sentinode.serving.workers.bounded_workers import (
    BoundedWorkers,
    LostWorkerError,
    OverdueJobError,
    WorkerFailedError,
)
from sentinode.slides.mpp import Mpp
from sentinode.slides.pyramid import write_pyramid
from sentinode.slides.slide import open_slide
from sentinode.testing.mutations import mutated
from sentinode.testing.oddities.odd_slides import SLIDES
from sentinode.testing.oddities.pictures import tissue

MOST_S = 5.0
"""Of processor time for one file."""
_DEADLINE_S = 60.0
"""On a busy machine five seconds of processor take long."""
_CROP_PX = 1200, 900
_UNFORESEEN = "refused by an unforeseen error"


@dataclass
class Fuzzed:
    """What became of the files of one kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    """Of processor time, of the process that read, for one file."""
    peak_mib: float = 0.0
    """Of that process."""

    @property
    def holds(self) -> bool:
        """Whether no process was ended, none took too long, and each refusal says what is wrong."""
        return not any(self.outcomes[fault] for fault in ("ended", "overdue", _UNFORESEEN)) and self.longest_s < MOST_S


def slide_seeds(data: Path | None, folder: Path) -> list[bytes]:
    """Drawn slides in every coding, and pieces of real ones."""
    for oddity in SLIDES:
        place = folder / oddity.name
        place.mkdir(parents=True)
        oddity.write(place)
    for number, path in enumerate(_files(data, "slides", (".tif", ".svs"))):
        with open_slide(path) as slide:
            width, height = (min(side, full) for side, full in zip(_CROP_PX, (slide.width, slide.height), strict=True))
            pixels = slide.reader.read(0, (slide.width - width) // 2, (slide.height - height) // 2, width, height)
        write_pyramid(folder / f"{number}.tif", [pixels], width=width, height=height, mpp=Mpp(0.5, 0.5))
    small = [path for path in _files(data, "slides", (".svs",)) if path.stat().st_size < 4 << 20]
    return [path.read_bytes() for path in (*sorted(folder.rglob("*.*")), *small) if path.is_file()]


def image_seeds(data: Path | None) -> list[bytes]:
    """Drawn images of every format, and real patches."""
    pixels = tissue(120, 96)
    drawn = [_saved(pixels, kind, options) for kind, options in _FORMATS]
    real = [*_files(data, "pcam-real", (".jpg", ".png"))[:20], *_files(data, "kaggle-tif", (".tif",))[:10]]
    return [*drawn, *(path.read_bytes() for path in real)]


_FORMATS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "jpeg"}), ("BMP", {}), ("WEBP", {}), ("WEBP", {"lossless": True}),
)  # fmt: skip


def fuzz_slides(count: int, seeds: list[bytes], seed: int, folder: Path) -> Fuzzed:
    """Mutate `seeds` `count` times, and open and draw each in the server's process for slides."""
    limits = Limits()
    workers = BoundedWorkers("sentinode.serving.slides.slide_child", 1, _DEADLINE_S, limits.view_memory_bytes)
    bounds = {"most": limits.open_slides, "cache_bytes": limits.slide_cache_bytes}
    path = folder / "fuzzed.tif"

    def look(number: int, content: bytes) -> None:
        path.write_bytes(content)
        job = {"path": str(path), "version": str(number), **bounds}
        workers.ask(number, "facts", {"view": "facts", **job})
        workers.ask(number, "thumbnail", {"view": "thumbnail", "max_side": 300, **job})
        workers.ask(number, "tile", {"view": "tile", "level": 8, "column": 0, "row": 0, **job})

    return _fuzzed(count, seeds, seed, workers, look)


def fuzz_images(count: int, seeds: list[bytes], seed: int) -> Fuzzed:
    """Mutate `seeds` `count` times, and measure and decode each, all in the server's process for unusual images."""
    limits = Limits()
    workers = BoundedWorkers("sentinode.serving.uploads.image_child", 1, _DEADLINE_S, limits.decode_memory_bytes)

    def look(number: int, content: bytes) -> None:
        measure_upload(content, limits)
        workers.ask(number, "decode", {}, content)

    return _fuzzed(count, seeds, seed, workers, look)


def _fuzzed(
    count: int, seeds: list[bytes], seed: int, workers: BoundedWorkers, look: Callable[[int, bytes], None]
) -> Fuzzed:
    found, generator = Fuzzed(), random.Random(seed)
    workers.start()
    try:
        for number in range(count):
            content = mutated(generator.choice(seeds), seeds, generator)
            before, own = _processor_s(workers), time.process_time()
            found.outcomes[_outcome(look, number, content)] += 1
            spent = _processor_s(workers) - before + time.process_time() - own
            found.longest_s = max(found.longest_s, spent)
            found.peak_mib = max(found.peak_mib, _peak_mib(workers))
    finally:
        workers.close()
    return found


def _outcome(look: Callable[[int, bytes], None], number: int, content: bytes) -> str:
    try:
        look(number, content)
    except OverdueJobError:
        return "overdue"
    except LostWorkerError:
        return "ended"
    except WorkerFailedError as error:
        unforeseen = error.kind is None or re.search(r"\((\w+Error|\w+Exception)\)", str(error))
        return _UNFORESEEN if unforeseen else "refused"
    except (Problem, SentinodeError):
        return "refused"
    return "read"


def _processor_s(workers: BoundedWorkers) -> float:
    return sum(_of_process(pid, "stat", _ticks) for pid in workers.pids) / os.sysconf("SC_CLK_TCK")


def _ticks(text: str) -> float:
    user, system = text.rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def _peak_mib(workers: BoundedWorkers) -> float:
    return sum(_of_process(pid, "status", _high_water) for pid in workers.pids) / 1024


def _high_water(text: str) -> float:
    found = re.search(r"^VmHWM:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _of_process(pid: int, file: str, number_in: Callable[[str], float]) -> float:
    try:
        return number_in(Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8"))
    except OSError:  # it has ended
        return 0


def _saved(pixels: NDArray[np.uint8], kind: str, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def _files(data: Path | None, folder: str, suffixes: tuple[str, ...]) -> list[Path]:
    if data is None or not (data / folder).is_dir():
        return []
    return sorted(path for path in (data / folder).rglob("*") if path.suffix in suffixes)


def _lines(kind: str, found: Fuzzed) -> Iterator[str]:
    total = sum(found.outcomes.values())
    counts = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(found.outcomes.items()))
    yield f"{total:,} {kind}: {counts}"
    yield f"  longest {found.longest_s:.2f} s of processor, peak {found.peak_mib:.0f} MiB"


def main() -> int:
    """Fuzz both kinds, print what became of them, and give the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--slides", type=int, default=2000)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--data", type=Path, help="folder with slides/, pcam-real/ and kaggle-tif/")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        seeds = slide_seeds(options.data, folder / "seeds")
        found = {
            "slides": fuzz_slides(options.slides, seeds, options.seed, folder),
            "images": fuzz_images(options.images, image_seeds(options.data), options.seed),
        }
    if options.json:
        sys.stdout.write(json.dumps({kind: {**vars(one), "holds": one.holds} for kind, one in found.items()}) + "\n")
    else:
        sys.stdout.write("\n".join(line for kind, one in found.items() for line in _lines(kind, one)) + "\n")
    return int(not all(one.holds for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
