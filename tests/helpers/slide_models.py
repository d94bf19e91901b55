"""Slide bundles of aggregators with drawn weights."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from sentinode.core.decision import OperatingPoint
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import Provenance
from sentinode.models.extractor import space_of
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.aggregator_config import AggregatorConfig, Method
from sentinode.models.mil.aggregators.aggregator import Aggregator
from sentinode.models.mil.aggregators.table import build_aggregator
from sentinode.models.mil.bag import BagGrid
from sentinode.models.mil.slide_bundle import SlideBundle, open_slide_bundle
from sentinode.models.mil.slide_bundle_info import SlideBundleInfo, SlideCalibration
from sentinode.models.mil.slide_bundle_writer import write_slide_bundle

_PLACE = tempfile.TemporaryDirectory(prefix="drawn-slide-bundles-")
_written: dict[str, Path] = {}
SLIDE_CLASSES = ("negative", "ITC", "micro", "macro")


def drawn_aggregator(method: Method = "abmil", *, dim: int = 12, classes: int = 2) -> Aggregator:
    """Small, with weights of which none is 0."""
    torch.manual_seed(4)
    config = AggregatorConfig(method=method, hidden=16, attention_size=8, k=3)
    aggregator = build_aggregator(config, dim, classes)
    aggregator.centre.normal_()
    aggregator.scale.uniform_(0.5, 2)
    return aggregator.eval()


def write_drawn(
    folder: Path,
    method: Method = "abmil",
    *,
    dim: int = 12,
    classes: int = 2,
    space: FeatureSpace | None = None,
    grid: BagGrid | None = None,
    tiles: Bundle | None = None,
) -> SlideBundle:
    """A slide bundle of `drawn_aggregator`: written once a process, since that takes seconds, and then copied."""
    key = repr((method, dim, classes, space, grid, tiles and tiles.sha256))
    if key not in _written:
        _written[key] = Path(_PLACE.name) / str(len(_written))
        _write(_written[key], method, dim, classes, space, grid, tiles)
    shutil.copytree(_written[key], folder)
    return open_slide_bundle(folder, trust=())


def _write(
    folder: Path,
    method: Method,
    dim: int,
    classes: int,
    space: FeatureSpace | None,
    grid: BagGrid | None,
    tiles: Bundle | None,
) -> None:
    aggregator = drawn_aggregator(method, dim=dim, classes=classes)
    info = SlideBundleInfo(
        name="drawn",
        classes=SLIDE_CLASSES if classes == 4 else ("normal", "tumour"),
        label_rule="isolated tumour cells are positive",
        aggregator=aggregator.config,
        features=space or FeatureSpace("network", "a drawn network", 96, "0" * 64),
        feature_size=dim,
        grid=grid,
        calibration=SlideCalibration(scale=1.5, shift=tuple(0.3 - level for level in range(classes - 1))),
        threshold=OperatingPoint(0.4, "fixed", "none"),
        provenance=Provenance(
            recipe={}, recipe_sha256="a" * 64, data_sha256="b" * 64, split_sha256="c" * 64, libraries={}, created="now"
        ),
    )
    write_slide_bundle(folder, info, aggregator, tiles=tiles)


def write_over(folder: Path, bundle: Bundle, **changes: Any) -> SlideBundle:
    """A slide bundle over a bundle for tiles of 30 px at 0.972 µm/px, which lie side by side."""
    size, grid = bundle.info.input.tile_size, BagGrid(tile_px=30, mpp=0.972, step_px=30)
    assert size == grid.tile_px
    given = {"space": space_of(bundle), "grid": grid, "tiles": bundle, "dim": bundle.info.embedding_size, **changes}
    return write_drawn(folder, **given)
