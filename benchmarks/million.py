"""A million patches packed and trained on: how much memory that takes, and what a kill costs.

    python benchmarks/million.py --out DIR [--images 1000000] [--steps 500]

Patches of 32 × 32 pixels are drawn into PatchCamelyon's HDF5 files below DIR, packed, and a small network is trained on
them in the order `streamed`. Packing and training are killed once each (SIGKILL) and go on. The memory is that of all
processes of a command together: resident bytes, read five times a second. 32 pixels are small: what is held for each
image (names, hashes, places) does not depend on its size, and of the pixels a bounded part is resident. What was made
is removed at the end.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SIDE = 32
BATCH = 64
EPOCHS = 5
HELD_OUT = 10_000
"""Images of the validation and of the test split, each; a hundredth where there are fewer."""
_CHUNK = 10_000
_GLIMPSE_S = 0.2
_SPARE_BYTES = 2 << 30


def draw(folder: Path, split: str, count: int, seed: int) -> None:
    """Write a split: blobs of colour under noise, all different, redder where there is tumour."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 60, _CHUNK * SIDE * SIDE * 3 + (1 << 20), np.uint8)
    start = folder / f"camelyonpatch_level_2_split_{split}"
    labels = rng.integers(0, 2, count, np.uint8)
    with h5py.File(f"{start}_x.h5", "w") as file:
        pixels = file.create_dataset("x", (count, SIDE, SIDE, 3), np.uint8)
        for first in range(0, count, _CHUNK):
            part = labels[first : first + _CHUNK]
            blobs = rng.integers(40, 150, (len(part), 4, 4, 3), np.uint8)
            blobs[..., 0] += 30 * part[:, None, None]
            shift = int(rng.integers(0, 1 << 20))
            grain = noise[shift : shift + len(part) * SIDE * SIDE * 3].reshape(-1, SIDE, SIDE, 3)
            pixels[first : first + len(part)] = blobs.repeat(SIDE // 4, axis=1).repeat(SIDE // 4, axis=2) + grain
    with h5py.File(f"{start}_y.h5", "w") as file:
        file["y"] = labels.reshape(-1, 1, 1, 1)


class Watch:
    """The resident memory of a command and its children, while it runs."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "sentinode.cli.main", *words, "--quiet"]
        self._started = time.monotonic()
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        self.peak_bytes = 0
        self.seconds = 0.0

    def until(self, enough: Callable[[], bool] = lambda: False) -> bool:
        """Watch until the command ends, or until `enough`: then it is killed. Whether it was."""
        was_killed = self._watched(enough)
        self.seconds = time.monotonic() - self._started
        return was_killed

    def _watched(self, enough: Callable[[], bool]) -> bool:
        while self._process.poll() is None:
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident_bytes, _tree(self._process.pid))))
            if enough():
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
                return True
            time.sleep(_GLIMPSE_S)
        if self._process.returncode:
            raise SystemExit(f"the command ended with {self._process.returncode}")
        return False

    def figures(self) -> dict[str, float]:
        """Seconds and gigabytes."""
        return {"seconds": round(self.seconds, 1), "peak_gb": round(self.peak_bytes / 1e9, 2)}


def _tree(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue  # it has ended
        for child in children:
            yield from _tree(int(child))


def _resident_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@contextmanager
def _workplace(out: Path, images: int) -> Iterator[Path]:
    """A folder in `out` that is removed again, if there is room for it."""
    needed = 2 * images * SIDE * SIDE * 3 + _SPARE_BYTES
    free = shutil.disk_usage(out).free
    if free < needed:
        raise SystemExit(f"{needed / 1e9:.1f} GB are needed in {out}, and {free / 1e9:.1f} GB are free")
    folder = out / "million"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def measure(out: Path, images: int, steps: int) -> dict[str, Any]:
    """Draw, pack with a kill, train with a kill; the figures of each."""
    held_out = min(HELD_OUT, images // 100)
    with _workplace(out, images) as folder:
        data, run = folder / "data", folder / "run"
        data.mkdir()
        started = time.monotonic()
        for seed, (split, count) in enumerate(
            {"train": images - 2 * held_out, "valid": held_out, "test": held_out}.items()
        ):
            draw(data, split, count, seed)
        found: dict[str, Any] = {"images": images, "steps": steps, "drawn_s": round(time.monotonic() - started, 1)}
        environment = {**os.environ, "SENTINODE_CACHE": str(folder / "cache"), "SENTINODE_THREADS": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        whole = images * SIDE * SIDE * 3

        def half_packed() -> bool:
            return any(_size(file) > whole // 2 for file in (folder / "cache" / "packs").glob("*.partial/tiles.npy"))

        packing = ["data", "pack", f"pcam:{data}"]
        killed = Watch(packing, environment)
        found["packing_killed_at_half"] = killed.until(half_packed)
        again = Watch(packing, environment)
        again.until()
        found["packing"] = {"until_killed": killed.figures(), "after": again.figures()}
        training = ["train", "demo", "--data", f"pcam:{data}", "--out", str(run)]
        values = {
            "data.near_copies": "false", "model.test_time": "none", "training.sampling": "streamed",
            "training.batch_size": BATCH, "training.epochs": EPOCHS,
            "training.epoch_images": steps // EPOCHS * BATCH,
        }  # fmt: skip
        for key, value in values.items():
            training += ["--set", f"{key}={value}"]
        log = run / "log.csv"
        first = Watch(training, environment)
        found["training_killed_after_two_epochs"] = first.until(lambda: _lines(log) > 2)
        then = Watch(["train", "--resume", str(run)], environment)
        then.until()
        found["training"] = {"until_killed": first.figures(), "after": then.figures(), "epochs": _lines(log) - 1}
        parts = [found["packing"]["until_killed"], found["packing"]["after"]]
        parts += [found["training"]["until_killed"], found["training"]["after"]]
        found["peak_gb"] = max(part["peak_gb"] for part in parts)
        found["disk_gb"] = round(sum(map(_size, folder.rglob("*"))) / 1e9, 2)
    return found


def _lines(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.is_file() else 0


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder on a disk with room for twice the pixels")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=500)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.out, arguments.images, arguments.steps), indent=2))


if __name__ == "__main__":
    main()
