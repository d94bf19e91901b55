"""A small network of three convolutions, for small images and quick looks."""

from collections import OrderedDict

from pydantic import BaseModel, ConfigDict
from torch import nn

from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.network import PooledNetwork

_WIDTHS = (32, 64, 128)


class Cnn3Arguments(BaseModel):
    """`[model.arguments]` of the three-layer network: there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def build_cnn3(config: ModelConfig, outputs: int) -> PooledNetwork:
    """Three times convolution 3×3, batch norm, ReLU and 2×2 max-pooling (32, 64, 128 channels), then pooling and head.

    Takes any input of at least 8 px a side: three poolings halve it three times. Stages are `features.block1` to
    `features.block3` and `classifier`.
    """
    Cnn3Arguments(**config.arguments)
    blocks, channels = OrderedDict[str, nn.Module](), 3
    for number, width in enumerate(_WIDTHS, start=1):
        blocks[f"block{number}"] = nn.Sequential(
            # No bias: the batch norm that follows has one.
            nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        channels = width
    return PooledNetwork(
        nn.Sequential(blocks), {len(blocks) - 1: channels}, outputs, pooling=config.pooling, dropout=config.dropout
    )
