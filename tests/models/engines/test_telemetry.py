import subprocess
import sys

CODE = """
import sys
from sentinode.models.engines.openvino_engine import OpenVinoEngine
{more}
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")], "it was imported"
"""


def test_openvino_and_nncf_are_imported_without_their_telemetry() -> None:
    more = """
from sentinode.core.extras import require
from sentinode.models.engines.openvino_engine import without_telemetry
with without_telemetry():
    require("nncf", extra="quantize")
"""
    subprocess.run([sys.executable, "-c", CODE.format(more=more)], check=True)


def test_a_package_that_was_there_before_is_there_after() -> None:
    code = """
import sys
sys.modules["openvino_telemetry"] = before = object()
from sentinode.models.engines.openvino_engine import without_telemetry
with without_telemetry():
    try:
        import openvino_telemetry
    except ImportError:
        print("hidden")
assert sys.modules["openvino_telemetry"] is before
"""
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout == "hidden\n"
