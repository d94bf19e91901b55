"""The gate's measuring: a candidate and what serves on the same frozen data, each image by both."""

from sentinode.core.errors import RegistryError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.metrics.comparison import compare
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_signature import read_signature
from sentinode.registry.alias import Alias
from sentinode.registry.gate import GateReport, MeasuredOn, contract_check, first_report, judge
from sentinode.registry.policy import Policy
from sentinode.registry.registry import Registry
from sentinode.studies.bundle_comparison import answers_of


def measured_report(
    registry: Registry, alias: Alias, candidate: Bundle, engine: str, settings: Settings, progress: Progress
) -> GateReport:
    """The gate's report on a candidate against what an alias points to.

    Args:
        registry: Its policy says on what data and by which margins.
        alias: The alias.
        candidate: The candidate's bundle, checked.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's.
        progress: Where to show how far it is.

    Raises:
        RegistryError: There is no policy, or the data is not the frozen one.
        DataError: The data is not what it must be.
        LeakError: One of the two has learned from images of it, and the policy does not leave those out.
    """
    signature = read_signature(candidate.folder, candidate.sha256)
    signed_by = signature.fingerprint if signature else None
    if registry.target(alias) is None:
        return first_report(candidate, signed_by)
    policy, champion = Policy.read(registry.policy_file), registry.open(alias)
    if not contract_check(champion, candidate).passed:
        return judge(champion, candidate, signed_by, policy, None, None)
    frozen = policy.frozen
    answers = answers_of(
        [champion, candidate], frozen.data, frozen.split, frozen.overrides, engine, settings, progress
    )  # fmt: skip
    data = answers.measured.sha256
    if frozen.sha256 not in (None, data):
        raise RegistryError(
            f"{frozen.data} is not the frozen data of {registry.policy_file}: the hash of its images is {data}, the "
            f"policy has {frozen.sha256}; bring the data back, or freeze this one in the policy"
        )
    # Both versions may bear the name of their bundle, and a report tells them apart by their hashes.
    models = [
        (bundle.sha256[:12], predictions, threshold)
        for bundle, (_, predictions, threshold) in zip([champion, candidate], answers.models, strict=True)
    ]
    (comparison,) = compare(models)
    measured_on = MeasuredOn(
        data=frozen.data, split=answers.measured.name, sha256=data, n=comparison.n, groups=comparison.groups
    )
    return judge(champion, candidate, signed_by, policy, comparison, measured_on)
