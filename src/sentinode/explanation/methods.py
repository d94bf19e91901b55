"""The methods by their names: what each needs of a bundle, and why it can't explain one that lacks it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import PluginError, SentinodeError
from sentinode.core.plugins import find_plugin, plugins
from sentinode.explanation.attention import AttentionRollout, attention_modules
from sentinode.explanation.class_activation import (
    ClassActivation,
    ExactClassActivation,
    LayerCam,
    grad_cam,
    grad_cam_plus_plus,
)
from sentinode.explanation.explainable_model import ExplainableModel, members_of
from sentinode.explanation.gradients import IntegratedGradients, Saliency
from sentinode.explanation.layers import finer_layers, layers_of
from sentinode.explanation.perturbation import Lime, Occlusion

_KIND = "explanation method"


class Explainer(Protocol):
    """A method. One that can be given tiles of one size and a class, and gives a map of each."""

    @property
    def signed(self) -> bool:
        """Whether negative values speak against the class; otherwise a map has none."""

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], target: int, /) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 and a class → (N, H, W) float32, the same whenever it is asked."""


@dataclass(frozen=True)
class Method:
    """A method's name and what to know of it."""

    name: str
    title: str
    needs: Literal["answers", "gradients", "maps", "sizes", "linear", "attention"]
    about: str
    """For the page: what the map is, and who described it."""
    make: Callable[[str | None], Explainer]
    """With the name of a layer, or None."""
    layered: bool = False
    """Whether a layer can be named."""


_ALL = (
    Method(
        "layercam", "LayerCAM", "sizes",
        "The last map and two finer ones together: which part of the image, and which nuclei (Jiang et al. 2021, with "
        "Grad-CAM for the last map).",
        LayerCam, layered=True,
    ),
    Method(
        "gradcam", "Grad-CAM", "maps",
        "Maps of a layer, weighed by how the score grows with each (Selvaraju et al. 2017). Coarse, cheap, positive.",
        lambda layer: ClassActivation(grad_cam, layer), layered=True,
    ),
    Method(
        "gradcam++", "Grad-CAM++", "maps",
        "As Grad-CAM, weighed by place too, so that several foci count alike (Chattopadhyay et al. 2018).",
        lambda layer: ClassActivation(grad_cam_plus_plus, layer), layered=True,
    ),
    Method(
        "cam", "Class activation map", "linear",
        "What each place adds to the log-odds or takes off: the map's sum and a constant are the score (Zhou et al. "
        "2016). Exact, for a linear head on pooled maps.",
        lambda _: ExactClassActivation(),
    ),
    Method(
        "saliency", "Saliency", "gradients",
        "How much the score changes with each pixel (Simonyan et al. 2014). Fine and noisy.",
        lambda _: Saliency(),
    ),
    Method(
        "integrated-gradients", "Integrated gradients", "gradients",
        "What each pixel adds on the way from the blurred tile to the tile (Sundararajan et al. 2017).",
        lambda _: IntegratedGradients(),
    ),
    Method(
        "occlusion", "Occlusion", "answers",
        "What the log-odds lose when a window is blurred (Zeiler and Fergus 2014). Asks for nothing but answers.",
        lambda _: Occlusion(),
    ),
    Method(
        "lime", "LIME", "answers",
        "A linear model of the answers to tiles with some superpixels blurred (Ribeiro et al. 2016).",
        lambda _: Lime(),
    ),
    Method(
        "attention-rollout", "Attention rollout", "attention",
        "How much of each patch reaches what is pooled (Abnar and Zuidema 2020). The same for every class.",
        lambda _: AttentionRollout(),
    ),
)  # fmt: skip

METHODS: dict[str, Method] = {method.name: method for method in _ALL}
"""Our own, in the order in which they are listed: the first that fits a model is its default."""


def method_named(name: str) -> Method:
    """The method called `name`: one of ours, or what another package brings.

    Raises:
        SentinodeError: There is none.
        PluginError: It can't be loaded, or is no `Method`.
    """
    if name in METHODS:
        return METHODS[name]
    plugin = find_plugin(_KIND, name)
    if plugin is None:
        raise SentinodeError(f"there is no method {name!r}; there are {', '.join(method_names())}")
    return replace(plugin.load_as(Method), name=name)


def method_names() -> tuple[str, ...]:
    """Ours, then those of other packages, none of which is loaded."""
    return tuple(dict.fromkeys((*METHODS, *(plugin.name for plugin in plugins(_KIND)))))


def fitting_methods(model: ExplainableModel) -> list[Method]:
    """Those that can explain a model, in the order in which they are listed. One that can't be loaded is left out."""
    fitting = []
    for name in method_names():
        try:
            method = method_named(name)
        except PluginError:
            continue
        if why_not(model, method) is None:
            fitting.append(method)
    return fitting


def method_of(model: ExplainableModel, name: str) -> Method:
    """The method called `name`.

    Raises:
        SentinodeError: There is none, or it can't explain this model; the message lists those that can, and says why.
        PluginError: See `method_named`.
    """
    if name not in method_names():
        raise SentinodeError(f"there is no method {name!r}; for {model.info.name} there are {_listed(model)}")
    method = method_named(name)
    if (reason := why_not(model, method)) is not None:
        raise SentinodeError(f"{name} can't explain {model.info.name}: {reason}; use {_listed(model)}")
    return method


def why_not(model: ExplainableModel, method: Method) -> str | None:
    """Why a method can't explain a model: what it needs and the model lacks; None: it can."""
    return model.known(("lacking", method.needs), lambda: _lacking(model, method.needs)) or None


def _listed(model: ExplainableModel) -> str:
    return ", ".join(method.name for method in fitting_methods(model))


def _lacking(model: ExplainableModel, needs: str) -> str:
    if needs == "answers":
        return ""
    if model.deployed is None:
        return "it is INT8, which has no gradients"
    members = members_of(model.deployed)
    if needs == "attention":
        seen = all(attention_modules(member.network) for member in members)
        return "" if seen else "it is no vision transformer whose blocks attend to all patches"
    kinds: list[str] = [part.head.kind for part in model.info.members or (model.info,) if part.head is not None]
    if steps := sorted({kind for kind in kinds if kind not in ("linear", "rbf-svm")}):
        return f"its classifier ({', '.join(steps)}) answers in steps, which have no gradient"
    if needs == "gradients":
        return ""
    if not all(layers_of(member) for member in members):
        return "no layer of it has a map at this tile size"
    if needs == "sizes":
        return "" if all(finer_layers(member) for member in members) else "all of its maps are of one size"
    return "" if needs == "maps" else _not_exact(model, kinds)


def _not_exact(model: ExplainableModel, kinds: list[str]) -> str:
    """Why the weights can't be brought back to the image exactly: by what it is, then by trying."""
    if len(model.info.classes.names) > 2:
        return "with more than two classes the log-odds are not linear in the maps"
    if "rbf-svm" in kinds:
        return "its classifier is not linear"
    size = model.info.input.tile_size
    tile = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    try:
        ExactClassActivation().maps(model, tile, 1)
    except SentinodeError:
        return "between its last map and its score lies more than pooling and a linear layer"
    return ""
