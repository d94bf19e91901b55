"""Importing libraries without the part of them that tells their makers about their use.

OpenVINO and NNCF do so through `openvino_telemetry`, unasked: importing either writes an identifier into the user's
home folder, and NNCF's quantisation sends a report. Both do without that package when it is not there.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PACKAGE = "openvino_telemetry"


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Inside it, `import openvino_telemetry` fails as if it were not installed."""
    modules: dict[str, Any] = sys.modules
    before = {name: module for name, module in modules.items() if name.partition(".")[0] == _PACKAGE}
    for name in before:
        del modules[name]
    modules[_PACKAGE] = None
    try:
        yield
    finally:
        del modules[_PACKAGE]
        modules.update(before)
