"""From the recipe's `[model]` to a network with random weights."""

import difflib
from collections.abc import Callable

from pydantic import BaseModel, ValidationError

from sentinode.core.errors import RecipeError, WeightsError
from sentinode.core.messages import one_line
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.cnn3 import Cnn3Arguments, build_cnn3
from sentinode.models.networks.network import Network
from sentinode.models.networks.squeezenet import SqueezeNetArguments, build_squeezenet
from sentinode.models.networks.timm_network import build_timm, timm_names

_OWN: dict[str, tuple[Callable[[ModelConfig, int], Network], type[BaseModel]]] = {
    "squeezenet1_1": (build_squeezenet, SqueezeNetArguments),
    "cnn3": (build_cnn3, Cnn3Arguments),
}


def build_network(config: ModelConfig, outputs: int, *, tile_size: int | None = None) -> Network:
    """The network that `config` names, with random weights.

    Args:
        config: The recipe's model.
        outputs: Number of logits, see `ModelConfig.outputs`.
        tile_size: Side of the tiles in pixels. What the network sees is `config.input_size`, or this when that is
            None; only architectures that are built for one size (most vision transformers) have to know.

    Raises:
        WeightsError: Nobody knows an architecture of that name; the message has the nearest names.
        RecipeError: An argument that the architecture does not take.
    """
    if config.architecture in _OWN:
        builder, _ = _OWN[config.architecture]
        try:
            return builder(config, outputs)
        except ValidationError as error:
            raise _argument_error(config.architecture, error) from error
    known = timm_names()
    if config.architecture not in known:
        raise WeightsError(_unknown_message(config.architecture, [*_OWN, *known]))
    return build_timm(config, outputs, config.input_size or tile_size)


def _unknown_message(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=5, cutoff=0.6)
    remedy = (
        f"did you mean {', '.join(near)}?" if near else "use squeezenet1_1, cnn3 or a name that timm.list_models() has"
    )
    return f"there is no architecture {name!r}; {remedy}"


def _argument_error(architecture: str, error: ValidationError) -> RecipeError:
    _, arguments = _OWN[architecture]
    known = ", ".join(arguments.model_fields) or "none"
    return RecipeError(f"{one_line(error, 'model', 'arguments')}; {architecture} takes: {known}")
