"""A package of another author with one part of each kind, as a folder that an installation would make of it."""

from pathlib import Path

_MODULE = '''
import numpy as np
import torch
from torch import nn

from sentinode.explanation.methods import Method
from sentinode.metrics.metric_table import MetricKind
from sentinode.models.networks.network import PooledNetwork
from sentinode.core.errors import UnsupportedSlideError
from sentinode.slides.image_reader import ImageReader


class RawReader(ImageReader):
    """A plain image under another ending."""

    def __init__(self, path, cache_bytes):
        if path.suffix != ".raw":
            raise UnsupportedSlideError(f"{path}: no raw file")
        super().__init__(path, cache_bytes)


def build_one_layer(config, outputs):
    return PooledNetwork(
        nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU()), {1: 4}, outputs,
        pooling=config.pooling, dropout=config.dropout,
    )


class Squares(nn.Module):
    """Mean squared distance of the probabilities from the labels."""

    def forward(self, logits, labels):
        return (logits.softmax(1) - nn.functional.one_hot(labels, logits.shape[1])).square().mean()


def build_squares(config, head, weights):
    return Squares()


class Darkness:
    """Where the tile is dark."""

    signed = False

    def maps(self, model, tiles, target, /):
        return (255 - tiles.mean(axis=3)).astype(np.float32)


DARKNESS = Method("darkness", "Darkness", "answers", "Where the tile is dark, whatever it shows.", lambda _: Darkness())


def youden(labels, probabilities, decisions):
    return float((decisions[labels == 1] == 1).mean() + (decisions[labels == 0] == 0).mean() - 1)


YOUDEN = MetricKind("youden", "Youden's J", value=youden)
'''

_ENTRIES = """[sentinode.readers]
raw = sentinode_parts:RawReader
[sentinode.architectures]
onelayer = sentinode_parts:build_one_layer
broken = sentinode_parts_that_are_not_there:build
[sentinode.losses]
squares = sentinode_parts:build_squares
[sentinode.explanation_methods]
darkness = sentinode_parts:DARKNESS
[sentinode.metrics]
youden = sentinode_parts:YOUDEN
"""


def write_package(folder: Path) -> None:
    """Write the module and its `.dist-info` into `folder`, for `sys.path`."""
    (folder / "sentinode_parts.py").write_text(_MODULE, encoding="utf-8")
    facts = folder / "sentinode_parts-1.2.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: sentinode-parts\nVersion: 1.2\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(_ENTRIES, encoding="utf-8")
