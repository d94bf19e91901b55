"""In a process of its own: the settings are those of a whole process, and other tests have used memory before."""

import subprocess
import sys

import pytest

_PROGRAM = """
import contextlib, resource, sys
import numpy as np
from sentinode.training.network_fit import reuse_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(50_000_000, np.uint8)  # over the size from which malloc asks the system, and gives back at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

faults()
usual, at_rest = faults(), held()
with reuse_freed_memory():
    faults()
    kept = faults()
print(usual, kept, faults(), held() - at_rest)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' malloc has no such settings")
def test_memory_is_used_again_inside_and_given_back_after() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    usual, kept, after, left = (int(number) for number in done.stdout.split())
    assert usual > 1000  # some are of 2 MiB where the system has large pages
    assert kept < usual / 20
    assert after > usual / 2
    assert left < 20_000_000
