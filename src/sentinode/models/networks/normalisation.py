"""How the numbers of an image are scaled before a network sees them: each architecture's public weights want their own.

EfficientNet-Lite and many vision transformers were trained on values from -1 to 1, most others on ImageNet's mean and
standard deviation. A network that is given the other scaling still learns, only worse, so nobody would notice.
"""

from typing import Any

from sentinode.models.model_config import IMAGENET_MEAN, IMAGENET_STD, ModelConfig
from sentinode.models.networks.torchvision_ops import register_missing_ops
from sentinode.models.pretrained_bundle import open_weights

Channels = tuple[float, float, float]


def normalisation(config: ModelConfig) -> tuple[Channels, Channels]:
    """Mean and standard deviation of R, G and B on the scale 0 to 1 for the recipe's model.

    The recipe's own come first; then those of the bundle that `weights` names; then those of the public weights that
    timm has for the architecture (of the tag in `weights`, where it is one); ImageNet's where nobody says anything.
    """
    mean, std = _own(config)
    return config.mean or mean, config.std or std


def _own(config: ModelConfig) -> tuple[Channels, Channels]:
    if bundle := open_weights(config.weights):
        return bundle.info.input.mean, bundle.info.input.std
    register_missing_ops()
    import timm

    name = config.architecture
    tagged = f"{name}.{config.weights}"
    public: Any = timm.get_pretrained_cfg(tagged if tagged in timm.list_pretrained(f"{name}.*") else name)
    if public is None:
        return IMAGENET_MEAN, IMAGENET_STD
    return tuple(public.mean), tuple(public.std)
