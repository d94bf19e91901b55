"""From the recipe's `[model]` to a network with random weights."""

import difflib
from collections.abc import Callable

from pydantic import BaseModel, ValidationError

from sentinode.core.errors import PluginError, RecipeError, WeightsError
from sentinode.core.messages import one_line
from sentinode.core.plugins import Plugin, find_plugin, plugins
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.cnn3 import Cnn3Arguments, build_cnn3
from sentinode.models.networks.context_network import ContextNetwork
from sentinode.models.networks.network import Network
from sentinode.models.networks.squeezenet import SqueezeNetArguments, build_squeezenet
from sentinode.models.networks.timm_network import build_timm, timm_names

ARCHITECTURES: dict[str, tuple[Callable[[ModelConfig, int], Network], type[BaseModel]]] = {
    "squeezenet1_1": (build_squeezenet, SqueezeNetArguments),
    "cnn3": (build_cnn3, Cnn3Arguments),
}
"""Our own, with the arguments that each takes."""

_KIND = "architecture"


def build_network(config: ModelConfig, outputs: int, *, tile_size: int | None = None) -> Network:
    """The network that `config` names, with random weights.

    Args:
        config: The recipe's model.
        outputs: Number of logits, see `ModelConfig.outputs`.
        tile_size: Side of the tiles in pixels. What the network sees is `config.input_size`, or this when that is
            None; only architectures that are built for one size (most vision transformers) have to know.

    One of another package is a callable of `config` and `outputs` that gives a `Network`.

    Raises:
        PluginError: Another package brings the architecture, and it can't be loaded or builds something else.
        WeightsError: Nobody knows an architecture of that name; the message has the nearest names.
        RecipeError: An argument that the architecture does not take.
    """
    if config.context:
        bare = config.model_copy(update={"context": False, "dropout": 0.0})
        backbones = [build_network(bare, outputs, tile_size=tile_size) for _ in range(2)]
        return ContextNetwork(*backbones, outputs=outputs, dropout=config.dropout)
    if config.architecture in ARCHITECTURES:
        builder, _ = ARCHITECTURES[config.architecture]
        try:
            return builder(config, outputs)
        except ValidationError as error:
            raise _argument_error(config.architecture, error) from error
    if plugin := find_plugin(_KIND, config.architecture):
        return _built_by(plugin, config, outputs)
    known = timm_names()
    if config.architecture not in known:
        others = [plugin.name for plugin in plugins(_KIND)]
        raise WeightsError(_unknown_message(config.architecture, [*ARCHITECTURES, *others, *known]))
    return build_timm(config, outputs, config.input_size or tile_size)


def _built_by(plugin: Plugin, config: ModelConfig, outputs: int) -> Network:
    network = plugin.load()(config, outputs)
    if not isinstance(network, Network):
        raise PluginError(
            f"architecture {plugin.name!r} of {plugin.origin} builds a {type(network).__name__}, not a "
            "Network; mend or uninstall that package"
        )
    return network


def _unknown_message(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=5, cutoff=0.6)
    remedy = (
        f"did you mean {', '.join(near)}?" if near else "use squeezenet1_1, cnn3 or a name that timm.list_models() has"
    )
    return f"there is no architecture {name!r}; {remedy}"


def _argument_error(architecture: str, error: ValidationError) -> RecipeError:
    _, arguments = ARCHITECTURES[architecture]
    known = ", ".join(arguments.model_fields) or "none"
    return RecipeError(f"{one_line(error, 'model', 'arguments')}; {architecture} takes: {known}")
