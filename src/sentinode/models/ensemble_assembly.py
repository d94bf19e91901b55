"""From bundles to one model that averages them, or from one bundle to the same with other test-time averaging."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sentinode.core.errors import BundleError
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import GRAPH_FILE, WEIGHTS_FILE, Input, Member
from sentinode.models.bundle_network import around, ensemble_of, load_deployed
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.ensemble_network import EnsembleArguments, EnsembleNetwork, ensemble_config, ensemble_input
from sentinode.models.model_config import Mean, ModelConfig, TestTime
from sentinode.models.networks.network import Network


@dataclass(frozen=True)
class Joined:
    """A model made of bundles, and what its own bundle has to say of it."""

    deployed: DeployedModel
    """On the CPU, at temperature 1."""
    model: ModelConfig
    input: Input
    members: tuple[Member, ...]
    """Empty for a single model."""


def check_joinable(bundles: Sequence[Bundle], mean: Mean | None, test_time: TestTime | None) -> None:
    """Refuse what can't be averaged, or would stay as it is.

    Raises:
        BundleError: One line that names the bundle at fault and the remedy.
    """
    if not bundles:
        raise BundleError("no bundle was named; name two or more to average")
    for bundle in bundles:
        if bundle.info.precision == "int8":
            raise BundleError(
                f"{bundle.name} is INT8, which can't be averaged in one graph; name the bundle that it was quantised "
                "from, and quantise the ensemble"
            )
        if bundle.info.input.stain:
            raise BundleError(
                f"{bundle.name} normalises stain, and the members of an ensemble see the same tiles as they are; name "
                'bundles that were trained with stain.normalise = "none"'
            )
        bundle.info.refuse_context("the members of an ensemble see tiles alone")
        _check_one_size(bundle)
    if len(bundles) == 1:
        _check_single(bundles[0], mean, test_time)
        return
    for bundle in bundles:
        if bundle.info.members:
            raise BundleError(f"{bundle.name} is an ensemble itself; name its members instead, to weigh each alike")
    for other in bundles[1:]:
        _check_pair(bundles[0], other)
    _check_distinct(bundles)


def join(bundles: Sequence[Bundle], mean: Mean | None = None, test_time: TestTime | None = None) -> Joined:
    """One model out of bundles that `check_joinable` has passed.

    Args:
        bundles: Several are averaged. Of a single one only the averaging is changed.
        mean: What is averaged over members; None: as an ensemble has it already, else probabilities.
        test_time: Orientations that each member averages over; None: as each has it.

    Raises:
        BundleError: They can't be averaged, or nothing would change.
    """
    check_joinable(bundles, mean, test_time)
    info, deployed = bundles[0].info, load_deployed(bundles[0])
    if len(bundles) > 1:
        parts = [(deployed.network, _member(bundles[0]))]
        parts += [(load_deployed(bundle).network, _member(bundle)) for bundle in bundles[1:]]
        return _ensemble(parts, mean or EnsembleArguments().mean, test_time)
    if info.members:
        network = cast(EnsembleNetwork, deployed.network)
        networks = [cast(DeployedModel, member).network for member in network.members]
        return _ensemble(list(zip(networks, info.members, strict=True)), mean or network.mean, test_time)
    model = _switched(info.model, test_time)
    single = info.model_copy(update={"model": model, "temperature": 1.0})
    return Joined(around(deployed.network, single).eval(), model, info.input, ())


def _ensemble(parts: Sequence[tuple[Network, Member]], mean: Mean, test_time: TestTime | None) -> Joined:
    switched = [
        (network, member.model_copy(update={"model": _switched(member.model, test_time)})) for network, member in parts
    ]
    members = tuple(member for _, member in switched)
    model = ensemble_config(mean, [member.model.storage for member in members])
    size = members[0].input
    joint = ensemble_input(size.tile_size, size.mpp)
    network = ensemble_of(switched, EnsembleArguments(mean=mean))
    outer = members[0].model_copy(update={"model": model, "input": joint, "temperature": 1.0})
    return Joined(around(network, outer).eval(), model, joint, members)


def _switched(model: ModelConfig, test_time: TestTime | None) -> ModelConfig:
    """`none` ends averaging over sizes too: what is wanted is one look, at an eighth of the cost or less."""
    if test_time is None:
        return model
    sizes = () if test_time == "none" else model.test_time_sizes
    return model.model_copy(update={"test_time": test_time, "test_time_sizes": sizes})


def _member(bundle: Bundle) -> Member:
    info = bundle.info
    return Member(
        name=info.name,
        graph_sha256=info.files[GRAPH_FILE],
        input=info.input,
        model=info.model,
        head=info.head,
        embedding_size=info.embedding_size,
        temperature=info.temperature,
        trained_on=info.provenance.trained_on,
        licences=info.provenance.licences,
        libraries=info.provenance.libraries,
    )


def _check_one_size(bundle: Bundle) -> None:
    if bundle.info.input.pooling:
        raise BundleError(
            f"{bundle.name} takes images of any size and pools their tiles, which can't be joined; for averaging over "
            "flips and turns cross-validate with features.model.test_time = 'd4'"
        )


def _check_single(bundle: Bundle, mean: Mean | None, test_time: TestTime | None) -> None:
    info = bundle.info
    if mean is not None and not info.members:
        raise BundleError(f"{bundle.name} is one model, of which there is no mean; name another bundle beside it")
    kept_mean = mean is None or mean == EnsembleArguments.model_validate(info.model.arguments).mean
    models = [member.model for member in info.members] or [info.model]
    kept_time = test_time is None or all(_switched(model, test_time) == model for model in models)
    if kept_mean and kept_time:
        now = " and ".join(sorted({model.test_time for model in models}))
        raise BundleError(
            f"{bundle.name} alone would stay as it is (test-time averaging: {now}); name another bundle to average it "
            "with, or another test-time averaging"
        )


def _check_pair(first: Bundle, other: Bundle) -> None:
    one, two = first.info, other.info
    if (one.classes.names, one.classes.positive) != (two.classes.names, two.classes.positive):
        raise BundleError(
            f"{other.name} tells {', '.join(two.classes.names)} apart, {first.name} tells "
            f"{', '.join(one.classes.names)}; average bundles of the same classes in the same order"
        )
    if (one.input.tile_size, one.input.mpp) != (two.input.tile_size, two.input.mpp):
        raise BundleError(
            f"{other.name} is for {_tiles(two.input)}, {first.name} for {_tiles(one.input)}; average bundles that see "
            "the same tissue in a tile"
        )


def _tiles(size: Input) -> str:
    return f"tiles of {size.tile_size} px at {size.mpp or 'unknown'} µm/px"


def _check_distinct(bundles: Sequence[Bundle]) -> None:
    seen: dict[str, Bundle] = {}
    for bundle in bundles:
        weights = bundle.info.files[WEIGHTS_FILE]
        if weights in seen:
            raise BundleError(
                f"{bundle.name} has the same weights as {seen[weights].name}, and would only count twice; name each "
                "model once"
            )
        seen[weights] = bundle
