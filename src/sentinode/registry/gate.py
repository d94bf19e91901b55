"""The gate before a promotion: whether a candidate may take the champion's place, with the figures that say so.

Non-inferiority by the confidence interval: the candidate passes where the two-sided 95 % interval of the paired
difference lies above minus the margin (one-sided at 2.5 %). Source: Piaggio et al., CONSORT extension for
non-inferiority trials, JAMA 308:2594 (2012). What is merely not shown to be worse does not pass.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from sentinode.core.metric import Metric
from sentinode.metrics.comparison import Comparison
from sentinode.models.bundle import Bundle
from sentinode.registry.input_contract import differences
from sentinode.registry.policy import Policy

_CONTRACT = "input contract"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GateCheck(_Part):
    """One thing that a candidate has to fulfil."""

    name: str
    """`seal`, `input contract`, `auc` or `sensitivity`."""
    passed: bool
    says: str
    """What was found, in words."""
    champion: Metric | None = None
    candidate: Metric | None = None
    difference: Metric | None = None
    """Candidate minus champion, paired."""
    margin: float | None = None


class MeasuredOn(_Part):
    """The frozen data as it was."""

    data: str
    split: str
    sha256: str
    n: int
    groups: int | None


class GateReport(_Part):
    """What the gate found."""

    champion: str | None
    """Hash of what the candidate was held against; None: the alias pointed nowhere."""
    candidate: str
    policy: Policy | None
    """None: of a first promotion nothing has to be measured."""
    policy_sha256: str | None
    measured_on: MeasuredOn | None = None
    checks: tuple[GateCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> list[str]:
        """What the checks say that did not pass."""
        return [f"{check.name}: {check.says}" for check in self.checks if not check.passed]

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {"passed": self.passed, **self.model_dump(mode="json")}

    def lines(self) -> list[str]:
        """A line for each check, for a person."""
        return [f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.says}" for check in self.checks]


def first_report(candidate: Bundle, signed_by: str | None) -> GateReport:
    """Of a candidate for an alias that points nowhere: there is nothing to be inferior to."""
    checks = (_seal(candidate, signed_by),)
    return GateReport(champion=None, candidate=candidate.sha256, policy=None, policy_sha256=None, checks=checks)


def contract_check(champion: Bundle, candidate: Bundle) -> GateCheck:
    """Whether callers of the champion can be answered by the candidate."""
    differing = differences(champion.info, candidate.info)
    says = f"differs in {'; '.join(differing)}" if differing else "the same tiles, µm/px and classes"
    return GateCheck(name=_CONTRACT, passed=not differing, says=says)


def judge(
    champion: Bundle,
    candidate: Bundle,
    signed_by: str | None,
    policy: Policy,
    comparison: Comparison | None,
    measured_on: MeasuredOn | None,
) -> GateReport:
    """The report on a candidate.

    Args:
        champion: What serves; its files are those that were written.
        candidate: What is to take its place, likewise.
        signed_by: Fingerprint of the key that has signed the candidate; None: nobody has.
        policy: What it has to fulfil.
        comparison: Both on the frozen data, the champion first; None where their input contracts differ, so that they
            can't be measured on the same images.
        measured_on: That data.
    """
    checks = [_seal(candidate, signed_by), contract_check(champion, candidate)]
    if comparison is not None:
        margins = {"auc": policy.margins.auc, "sensitivity": policy.margins.sensitivity}
        checks += [_non_inferior(comparison, name, margin) for name, margin in margins.items()]
    return GateReport(
        champion=champion.sha256,
        candidate=candidate.sha256,
        policy=policy,
        policy_sha256=policy.sha256,
        measured_on=measured_on,
        checks=tuple(checks),
    )


def refusal(report: GateReport, alias: str) -> str:
    """Why a promotion is refused, in one line with what to do."""
    if any(check.name == _CONTRACT and not check.passed for check in report.checks):  # force does not help there
        mend = f"clients of {alias} rely on the input: promote it under another name"
    else:
        mend = "mend the candidate, or pass the gate over by force, with a reason"
    return f"{alias} stays as it is: {_sentence(report.failures)}; {mend}"


def _sentence(parts: Sequence[str]) -> str:
    return ", and ".join(parts)


def _seal(candidate: Bundle, signed_by: str | None) -> GateCheck:
    # Whoever has opened the bundle has checked it: a changed one is an error before it gets here.
    signature = f"signed by {signed_by}" if signed_by else "not signed, and no key is trusted that would have to"
    return GateCheck(name="seal", passed=True, says=f"every file is as hash {candidate.sha256[:12]} says; {signature}")


def _non_inferior(comparison: Comparison, name: str, margin: float) -> GateCheck:
    before, after = comparison.metrics_a.get(name), comparison.metrics_b.get(name)
    difference = comparison.differences.get(name) or Metric.undefined("needs two classes, of which one is looked for")
    passed = difference.low is not None and difference.low > -margin
    if difference.low is None:
        says = f"can't be told ({difference.method})"
    else:
        reaches = "stays above" if passed else "reaches below"
        says = f"{_plain(before)} → {_plain(after)}, {difference.as_difference()}: its interval {reaches} −{margin:g}"
    return GateCheck(
        name=name, passed=passed, says=says, champion=before, candidate=after, difference=difference, margin=margin
    )


def _plain(metric: Metric | None) -> str:
    return "undefined" if metric is None or metric.value is None else f"{metric.value:.4f}"
