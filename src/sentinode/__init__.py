"""Sentinode: finds metastases in lymph-node histology.

    import sentinode as sn

    with sn.open_slide("node.svs") as slide:
        pixels = slide.read_at(0.5, 0, 0, 512, 512)
    scan = sn.scan("pcam", "node.svs", out="scans")
    run = sn.train("pcam-cpu", data="folder:patches", out="runs/a")

Each call is what the command of the same name makes, with the same checks and messages. Nothing happens at import: a
name is loaded when it is first used, the environment is not read, and torch stays out until something needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinode.core.settings import Settings as Settings
    from sentinode.face.assessments import Assessment as Assessment
    from sentinode.face.assessments import Comparison as Comparison
    from sentinode.face.assessments import compare as compare
    from sentinode.face.assessments import evaluate as evaluate
    from sentinode.face.backbone_list import backbones as backbones
    from sentinode.face.bundles import open_bundle as open_bundle
    from sentinode.face.bundles import open_engine as open_engine
    from sentinode.face.explanations import explain as explain
    from sentinode.face.inspections import inspect as inspect
    from sentinode.face.labelled_slides import SlideMethods as SlideMethods
    from sentinode.face.labelled_slides import mil as mil
    from sentinode.face.part_list import plugins as plugins
    from sentinode.face.prediction_table import Predictions as Predictions
    from sentinode.face.prediction_table import predict as predict
    from sentinode.face.runs import Run as Run
    from sentinode.face.runs import crossval as crossval
    from sentinode.face.runs import load_recipe as load_recipe
    from sentinode.face.runs import train as train
    from sentinode.face.scans import Scan as Scan
    from sentinode.face.scans import open_scan as open_scan
    from sentinode.face.scans import scan as scan
    from sentinode.face.slide_bags import slide_features as slide_features
    from sentinode.face.whole_slide import Slide as Slide
    from sentinode.face.whole_slide import open_slide as open_slide
    from sentinode.models.mil.bag import Bag as Bag
    from sentinode.scanning.scan_record import Lesion as Lesion

_HOMES = {
    "Assessment": "face.assessments",
    "Bag": "models.mil.bag",
    "Comparison": "face.assessments",
    "Lesion": "scanning.scan_record",
    "Predictions": "face.prediction_table",
    "Run": "face.runs",
    "Scan": "face.scans",
    "Settings": "core.settings",
    "Slide": "face.whole_slide",
    "SlideMethods": "face.labelled_slides",
    "backbones": "face.backbone_list",
    "compare": "face.assessments",
    "crossval": "face.runs",
    "evaluate": "face.assessments",
    "explain": "face.explanations",
    "inspect": "face.inspections",
    "load_recipe": "face.runs",
    "mil": "face.labelled_slides",
    "open_bundle": "face.bundles",
    "open_engine": "face.bundles",
    "open_scan": "face.scans",
    "open_slide": "face.whole_slide",
    "plugins": "face.part_list",
    "predict": "face.prediction_table",
    "scan": "face.scans",
    "slide_features": "face.slide_bags",
    "train": "face.runs",
}
"""Name → the module that has it."""

__all__ = [*_HOMES]  # noqa: PLE0604, RUF100 - names as they are in the table


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("sentinode")
    if name not in _HOMES:
        raise AttributeError(f"module 'sentinode' has no attribute {name!r}; it has {', '.join(_HOMES)}")
    value = getattr(import_module(f"sentinode.{_HOMES[name]}"), name)
    globals()[name] = value  # found without us from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "__version__"})
