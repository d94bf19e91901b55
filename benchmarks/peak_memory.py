"""Run a `sentinode` command and say how much memory it took at most.

    python benchmarks/peak_memory.py scan BUNDLE SLIDE --out DIR

The last line is a JSON object with the most bytes that were resident (Linux's VmHWM, which unlike the resources of a
child that the parent asks for does not begin with the parent's own).
"""

import json
import sys
from pathlib import Path

from sentinode.cli.main import main


def peak_bytes() -> int:
    """Most bytes of this process that were resident at a time."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SystemExit as end:
        if end.code:
            raise
    print(json.dumps({"peak_bytes": peak_bytes()}))
