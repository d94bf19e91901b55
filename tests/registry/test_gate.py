"""The gate: who is let through, on answers whose quality is known."""

import numpy as np
import pytest

from helpers.model_versions import write_version
from sentinode.core.errors import RegistryError
from sentinode.metrics.comparison import compare
from sentinode.metrics.predictions import Predictions
from sentinode.registry.gate import GateReport, MeasuredOn, first_report, judge, refusal
from sentinode.registry.policy import Policy

POLICY = Policy.model_validate({"frozen": {"data": "folder:x"}, "margins": {"auc": 0.02, "sensitivity": 0.03}})


def _answers(labels, scores):
    names = [str(row) for row in range(len(labels))]
    return Predictions(
        names, [""] * len(labels), labels, np.column_stack([1 - scores, scores]), ("normal", "tumour"), 1
    )  # fmt: skip


def _predictions(n, noise, seed):
    """Scores that are the truth and noise."""
    labels = np.arange(n) % 2
    logits = 4.0 * labels - 2.0 + noise * np.random.default_rng(seed).normal(0, 1, n)
    return _answers(labels, 1 / (1 + np.exp(-logits)))


def _report(bundles, candidate, threshold=0.5, n=2000):
    champion = _predictions(n, 1.5, 1)
    (comparison,) = compare([("champion", champion, 0.5), ("candidate", candidate, threshold)])
    on = MeasuredOn(data="folder:x", split="test", sha256="0" * 64, n=comparison.n, groups=None)
    return judge(*bundles[:2], None, POLICY, comparison, on)


def test_one_that_is_as_good_passes_with_its_figures(bundles):
    report = _report(bundles, _predictions(2000, 1.5, 1))
    assert report.passed
    assert [check.name for check in report.checks] == ["seal", "input contract", "auc", "sensitivity"]
    assert report.checks[2].difference.value == 0
    assert GateReport.model_validate_json(report.model_dump_json()) == report


def test_one_that_is_worse_is_refused_for_each_figure_that_is(bundles):
    report = _report(bundles, _predictions(2000, 3.0, 1))
    assert not report.passed
    assert [words.partition(":")[0] for words in report.failures] == ["auc", "sensitivity"]
    assert "pcam@champion stays as it is: auc: 0.9" in refusal(report, "pcam@champion")


def test_a_better_auc_does_not_buy_a_lower_sensitivity(bundles):
    report = _report(bundles, _predictions(2000, 1.0, 2), threshold=0.9)
    assert [words.partition(":")[0] for words in report.failures] == ["sensitivity"]


def test_too_few_images_show_nothing_and_do_not_pass(bundles):
    same = _report(bundles, _predictions(40, 1.5, 2), n=40)
    assert not same.passed
    assert all("reaches below" in words for words in same.failures)


def test_one_class_alone_can_not_be_told(bundles):
    labels = np.ones(50, np.int64)
    rng = np.random.default_rng(0)
    models = [_answers(labels, rng.uniform(0, 1, 50)) for _ in range(2)]
    (comparison,) = compare([("a", models[0], 0.5), ("b", models[1], 0.5)])
    report = judge(*bundles[:2], None, POLICY, comparison, None)
    assert "auc: can't be told" in report.failures[0]


def test_another_contract_is_named_and_nothing_is_measured(bundles, tmp_path):
    info = bundles[0].info
    other = write_version(tmp_path / "b", input=info.input.model_copy(update={"mpp": 0.5}))
    report = judge(bundles[0], other, None, POLICY, None, None)
    assert report.failures == ["input contract: differs in µm/px: 0.972 → 0.5"]
    assert refusal(report, "plain@champion").endswith("promote it under another name")


def test_a_first_one_has_nothing_to_be_inferior_to(bundles):
    assert first_report(bundles[0], "SHA256:x").passed


def test_the_share_of_worse_models_that_it_lets_through_is_small(bundles):
    """A candidate whose true sensitivity is lower by the margin is let through in at most 2.5 % of the draws."""
    rng = np.random.default_rng(5)
    passed, draws, n = 0, 300, 1000
    labels = np.repeat([0, 1], n)
    for _ in range(draws):
        models = []
        for name, sensitivity in (("a", 0.90), ("b", 0.87)):
            tumour = np.where(rng.uniform(size=n) < sensitivity, 0.9, 0.1)
            scores = np.concatenate([rng.uniform(0, 0.4, n), tumour])
            models.append((name, _answers(labels, scores), 0.5))
        (comparison,) = compare(models)
        check = judge(*bundles[:2], None, POLICY, comparison, None).checks[3]
        passed += check.passed
    assert passed <= 300 * 0.025 + 3 * np.sqrt(300 * 0.025 * 0.975)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'frozen' is missing"),
        ("[frozen]\ndata='x'\n[margins]\nauc=0.01\nsensitivity=0\n", "margins.sensitivity = 0"),
        ("[frozen]\ndata='x'\n[margins]\nauc=0.01\nsensitivity=0.1\n[shadow]\nrequests=9\n", "unknown key 'shadow'"),
        ("[frozen", "is no policy"),
    ],
)
def test_a_policy_that_can_not_be(tmp_path, text, said):
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(RegistryError, match=said):
        Policy.read(tmp_path / "policy.toml")


def test_a_policy_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(RegistryError, match=r"there is no policy .*; write one"):
        Policy.read(tmp_path / "policy.toml")
