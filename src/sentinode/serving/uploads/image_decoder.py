"""Uploaded images to pixels: usual ones in a thread, all others in a process that can be ended."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from sentinode.serving.problems import Problem, busy
from sentinode.serving.serve_config import Limits
from sentinode.serving.uploads.image_upload import decode_measured, is_usual, measure_upload
from sentinode.serving.workers.bounded_workers import (
    BoundedWorkers,
    LostWorkerError,
    OverdueJobError,
    WorkerFailedError,
)
from sentinode.serving.workers.child_main import CONTENT

_CHILD = "sentinode.serving.uploads.image_child"
_THREADS = 2
Image = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""


class ImageDecoder:
    """Two threads, and a process that is started for the first image which is large or stored in an unusual way."""

    def __init__(self, limits: Limits) -> None:
        """Nothing is started yet."""
        self._limits = limits
        self._threads = ThreadPoolExecutor(_THREADS, "decode")
        self._beside = ThreadPoolExecutor(1, "decode-beside")
        self._workers = BoundedWorkers(_CHILD, 1, limits.decode_s, limits.decode_memory_bytes)
        self._waiting = 0

    async def decode(self, content: bytes, fit: Callable[[Image], Image]) -> Image:
        """The pixels of an uploaded image, given to `fit` in the thread that has them first.

        Raises:
            Problem: See `image_upload.measure_upload` and `decode_measured`; also 422 where decoding takes too long or
                too much memory, 503 where too many unusual images wait.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._if_usual, content, fit)
        if found is not None:
            return found
        if self._waiting >= self._limits.waiting_unusual_images:
            raise busy("the queue for large and unusual images is full", 5)
        self._waiting += 1
        try:
            return await loop.run_in_executor(self._beside, lambda: fit(self._by_worker(content)))
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the process; whoever waits gets a problem."""
        self._workers.close()
        for pool in (self._threads, self._beside):
            pool.shutdown(cancel_futures=True)

    def _if_usual(self, content: bytes, fit: Callable[[Image], Image]) -> Image | None:
        size = measure_upload(content, self._limits)
        return fit(decode_measured(content)) if is_usual(content, size) else None

    def _by_worker(self, content: bytes) -> Image:
        try:
            found = self._workers.ask(hash(content), "decode", {}, content)
        except WorkerFailedError as error:
            raise Problem(422, str(error)) from error
        except OverdueJobError as error:
            took = f"decoding the image took longer than {self._limits.decode_s:g} s and was ended"
            raise Problem(422, f"{took}; save it as PNG, or as JPEG that is not progressive") from error
        except LostWorkerError as error:
            raise Problem(422, "the image has ended the process that decoded it; save it again as PNG") from error
        return np.frombuffer(found[CONTENT], np.uint8).reshape(found["height"], found["width"], 3)
