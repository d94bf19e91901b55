"""Any architecture of timm (Wightman 2019) as a `Network`, with its own parameter names."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from sentinode.core.errors import RecipeError, WeightsError
from sentinode.models.model_config import ModelConfig, Pooling
from sentinode.models.networks.network import GatedAttention, Network, pool, pool_tokens
from sentinode.models.networks.torchvision_ops import register_missing_ops

_POOLS = (nn.Identity, nn.Flatten, nn.Dropout, nn.AdaptiveAvgPool2d)
"""What a head may hold besides its classifier for another pooling to take its place; timm's own is added by name."""


class TimmNetwork(Network):
    """What is put in front of a timm model's class so that its forward gives the embedding too.

    A wrapper would put a prefix before every parameter's name, and the stages that a recipe names, and public weights,
    would no longer be the library's.
    """

    timm_name: str
    timm_arguments: dict[str, Any]
    """What the model was created with, so that pretrained weights can be fetched for a twin of it."""
    pooling: tuple[Pooling, ...] = ("mean",)
    prefix_tokens: int = 0
    """Class and register tokens before those of the patches, where the last layer gives tokens; 0: it gives a map."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) float, normalised → logits (N, outputs) and embedding (N, D)."""
        model: Any = self
        if self.pooling != ("mean",):
            attention = self.get_submodule(self.learned_pooling) if self.learned_pooling else None
            features = model.forward_features(images)  # (N, C, h, w), or of a transformer (N, prefix + h · w, C)
            embedding = (
                pool_tokens(features, self.prefix_tokens, self.pooling, attention)
                if self.prefix_tokens
                else pool(features, self.pooling, attention)
            )
            dropped = functional.dropout(embedding, self.timm_arguments["drop_rate"], self.training)
            return model.get_classifier()(dropped), embedding
        embedding = model.forward_head(model.forward_features(images), pre_logits=True)
        return model.get_classifier()(embedding), embedding


def timm_names() -> list[str]:
    """Every architecture's name that the installed timm knows."""
    register_missing_ops()
    import timm

    return list(timm.list_models())


def own_size(config: ModelConfig) -> int | None:
    """Side in pixels that an architecture is built for; None for one that takes any, or that timm does not know."""
    register_missing_ops()
    import timm

    public: Any = timm.get_pretrained_cfg(config.architecture, allow_unregistered=True)
    if public is None or not public.fixed_input_size:
        return None
    return int(config.arguments.get("img_size", public.input_size[-1]))


def build_timm(config: ModelConfig, outputs: int, size: int | None) -> TimmNetwork:
    """The timm model of that name with random weights and a head of `outputs`.

    Args:
        config: The recipe's model.
        outputs: Number of logits.
        size: Side in pixels of what the network will see, told to architectures that are built for one size.

    Raises:
        RecipeError: An argument that the architecture does not take, or a pooling of a map where it has none.
        WeightsError: An architecture whose head is not one layer on one embedding.
    """
    import timm

    arguments = {"num_classes": outputs, "drop_rate": config.dropout, **_with_classes(config.arguments)}
    fixed = timm.get_pretrained_cfg(config.architecture)
    if size is not None and fixed is not None and fixed.fixed_input_size:
        arguments.setdefault("img_size", size)
    try:
        model = timm.create_model(config.architecture, pretrained=False, **arguments)
    except (TypeError, AssertionError, RuntimeError) as error:
        raise RecipeError(
            f"timm can't make {config.architecture} with {arguments} ({error}); "
            "correct model.arguments or model.input_size"
        ) from error
    network = _with_embedding(model, config.architecture, arguments)
    if config.pooling != ("mean",):
        _set_pooling(network, config.pooling, outputs)
    return network


def _set_pooling(network: TimmNetwork, pooling: tuple[Pooling, ...], outputs: int) -> None:
    """Pool the last map or the last tokens by `pooling` in place of the library's own, with a head for what comes."""
    channels = network.embedding_size
    network.prefix_tokens = _prefix_tokens(network)
    if not network.prefix_tokens and not _ends_with_map(network):
        raise RecipeError(
            f"model.pooling = {list(pooling)} pools the last map of a convolutional network or the tokens of a vision "
            f"transformer with a class token, which {network.timm_name} does not end with (or "
            'model.arguments.global_pool pools it already); leave model.pooling at ["mean"]'
        )
    if "token" in pooling and not network.prefix_tokens:
        raise RecipeError(f"model.pooling = {list(pooling)}: {network.timm_name} has no class token; leave token out")
    network.pooling = pooling
    network.embedding_size = channels * len(pooling)
    network.set_submodule(network.head_name, nn.Linear(network.embedding_size, outputs))
    if "attention" in pooling:
        network.attention = GatedAttention(channels)
        network.learned_pooling = "attention"


def _prefix_tokens(network: TimmNetwork) -> int:
    """How many tokens precede the patches' where the library takes the class token for the embedding, otherwise 0."""
    model: Any = network
    plain = getattr(model, "global_pool", None) == "token" and hasattr(model, "patch_embed")
    return int(model.num_prefix_tokens) if plain and model.cls_token is not None else 0


def _ends_with_map(network: TimmNetwork) -> bool:
    model: Any = network
    plain = all(
        isinstance(part, _POOLS) or type(part).__name__ == "SelectAdaptivePool2d" for part in _parts_of_head(network)
    )
    whole = network.embedding_size == getattr(model, "num_features", None)
    return plain and whole and not network.timm_arguments.get("global_pool")


def _parts_of_head(network: TimmNetwork) -> list[nn.Module]:
    """What stands between the last map and the classifier, the classifier left out."""
    model: Any = network
    if hasattr(model, "global_pool"):
        return [model.global_pool]
    head = network.get_submodule(network.head_name.rpartition(".")[0]) if "." in network.head_name else None
    if head is None or not hasattr(head, "global_pool"):
        return [nn.Linear(1, 1)]  # no pooling of a map: a transformer, say
    classifier = network.get_submodule(network.head_name)
    return [part for part in head.children() if part is not classifier]


def _with_classes(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with the class that `mlp_layer` names, which timm takes as a class only.

    Raises:
        RecipeError: timm has no such layer.
    """
    import timm.layers

    name = arguments.get("mlp_layer")
    if name is None:
        return arguments
    if not isinstance(name, str) or not hasattr(timm.layers, name):
        raise RecipeError(f'model.arguments.mlp_layer = {name!r} is not in timm.layers; "SwiGLUPacked", for one, is')
    return {**arguments, "mlp_layer": getattr(timm.layers, name)}


def _with_embedding(model: Any, name: str, arguments: dict[str, Any]) -> TimmNetwork:
    classifier = model.get_classifier() if hasattr(model, "get_classifier") else None
    if not isinstance(classifier, nn.Module) or not hasattr(model, "forward_head"):
        raise WeightsError(f"{name} has a head of several parts, which is not supported; choose another architecture")
    # A class made here, not a new forward on the instance: that would still point to the original after a deep copy.
    model.__class__ = type(f"{type(model).__name__}Network", (TimmNetwork, type(model)), {})
    network: TimmNetwork = model
    network.head_name = next(path for path, module in network.named_modules() if module is classifier)
    network.embedding_size = int(getattr(classifier, "in_features", model.head_hidden_size))
    network.timm_name, network.timm_arguments = name, arguments
    return network
