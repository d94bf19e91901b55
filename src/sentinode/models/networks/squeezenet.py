"""SqueezeNet 1.1 (Iandola et al. 2016) with torchvision's layers and names, and a pooled linear head."""

from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import nn

from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.network import PooledNetwork
from sentinode.models.networks.torchvision_ops import register_missing_ops

_CHANNELS = {3: 128, 4: 128, 6: 256, 7: 256, 9: 384, 10: 384, 11: 512, 12: 512}
"""Places of the fire modules in `features`, and the channels of the map that each gives."""


class SqueezeNetArguments(BaseModel):
    """`[model.arguments]` of SqueezeNet."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    stem_pool: bool = True
    """Keep the first pooling. Without it every map has twice the side, for patches much smaller than ImageNet's."""

    taps: tuple[int, ...] = Field(default=(12,), min_length=1, strict=False)
    """Fire modules, by their places in `features`, whose maps are pooled and joined; what comes after the last is not
    computed. As frozen features of tissue, maps from the middle are better than the last, which knows ImageNet's
    objects."""

    @field_validator("taps")
    @classmethod
    def _check(cls, taps: tuple[int, ...]) -> tuple[int, ...]:
        if list(taps) != sorted(set(taps)) or not set(taps) <= set(_CHANNELS):
            raise ValueError(f"give some of {', '.join(map(str, _CHANNELS))}, in this order")
        return taps


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
    return PooledNetwork(
        features,
        {place: _CHANNELS[place] for place in arguments.taps},
        outputs,
        pooling=config.pooling,
        dropout=config.dropout,
    )
