"""SqueezeNet 1.1 (Iandola et al. 2016) with torchvision's layers and names, and a pooled linear head."""

from pydantic import BaseModel, ConfigDict
from torch import nn

from sentinode.models.config import ModelConfig
from sentinode.models.networks import PooledNetwork
from sentinode.models.torchvision_ops import register_missing_ops

_CHANNELS = 512


class SqueezeNetArguments(BaseModel):
    """`[model.arguments]` of SqueezeNet."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    stem_pool: bool = True
    """Keep the first pooling. Without it every map has twice the side, for patches much smaller than ImageNet's."""


def build_squeezenet(config: ModelConfig, outputs: int) -> PooledNetwork:
    """SqueezeNet 1.1 with random weights; parameters `features.*` as torchvision names them, and `classifier.*`.

    The original's classifier is a 1×1 convolution before the pooling; a linear layer after mean pooling is the same
    function, and other poolings are possible.
    """
    register_missing_ops()
    from torchvision.models import squeezenet1_1

    arguments = SqueezeNetArguments(**config.arguments)
    features = squeezenet1_1(weights=None).features
    if not arguments.stem_pool:
        features[2] = nn.Identity()  # an identity keeps the numbers in the names of what follows
    for module in features.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
    return PooledNetwork(features, _CHANNELS, outputs, pooling=config.pooling, dropout=config.dropout)
