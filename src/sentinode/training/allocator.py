"""Memory that a training step gives back stays with the process, for the next step to take."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of mallopt(3) and what glibc begins with; see its manual page.
_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES = -1, 128 << 10
_MMAP_MAX, _MMAP_MAX_COUNT = -4, 65_536
_NEVER = (1 << 31) - 1


@contextmanager
def reuse_freed_memory() -> Iterator[None]:
    """Keep freed memory while the block runs, and give it back at its end; does nothing where malloc isn't glibc's.

    By default glibc asks the system for every large tensor, and gives it back when the tensor goes. On a CPU each step
    then pays a page fault for every 4 KiB of its activations, which can take as long as the step's arithmetic.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _MMAP_MAX_COUNT)
        libc.mallopt(_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
        libc.malloc_trim(0)
