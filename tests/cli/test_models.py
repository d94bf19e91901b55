"""`sentinode models`: from a new bundle to a promotion and back."""

import json

import pytest

from helpers import layouts
from helpers.model_versions import write_version
from sentinode.core.decision import OperatingPoint


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    """Two that answer alike, and one with a threshold that hardly anything reaches."""
    folder = tmp_path_factory.mktemp("bundles")
    high = OperatingPoint(value=0.9, rule="youden", split="validation")
    return [
        write_version(folder / "0"),
        write_version(folder / "1", 1.30001),
        write_version(folder / "2", threshold=high),
    ]


@pytest.fixture
def versions(sentinode, workplace, bundles):
    """All three in the registry of ./server, their digits; what is measured on is ./frozen."""
    layouts.make_folder(workplace / "frozen", n=60, size=(30, 30))
    found = []
    for bundle in bundles:
        added = sentinode("models", "add", bundle.folder, "--name", "m", "--data", "server", "--json")
        assert (added.status, added.err) == (0, "")
        found.append(json.loads(added.out)["version"])
    return found


def _policy(workplace, **changes):
    policy = {"data": "folder:frozen", "split": "all", **changes}
    frozen = "\n".join(f"{key} = {json.dumps(value)}" for key, value in policy.items())
    text = f"[frozen]\n{frozen}\n[margins]\nauc = 0.05\nsensitivity = 0.2\n"
    (workplace / "server" / "models" / "policy.toml").write_text(text)


def test_from_a_new_bundle_to_a_promotion_and_back(sentinode, workplace, versions):
    def models(*words):
        return sentinode("models", *words, "--data", "server")

    first, second, _ = versions
    assert models("promote", "m@champion", first, "--reason", "the first").status == 0
    refused = models("promote", "m@champion", second)
    assert (refused.status, "there is no policy" in refused.err) == (2, True)
    _policy(workplace)
    checked = models("check", "m@champion", second, "--json", "--quiet")
    assert (checked.status, checked.err) == (0, "")
    report = json.loads(checked.out)
    assert report["passed"]
    assert [check["name"] for check in report["checks"]] == ["seal", "input contract", "auc", "sensitivity"]
    assert report["measured_on"]["n"] == 360
    promoted = models("promote", "m@champion", second, "--reason", "better", "--quiet")
    assert promoted.status == 0, promoted.err
    assert f"promote  m@champion  {first} → {second}  gate: passed  better" in promoted.out
    assert f"{second}" in models("at", "2999-01-01").out
    assert models("rollback", "m@champion", "--reason", "worse").status == 0
    assert models("retire", "m", second, "--reason", "worse").status == 0
    listed = json.loads(models("list", "--json").out)
    assert [(one["version"], one["aliases"], one["retired"]) for one in listed] == [
        (first, ["champion"], False), (second, [], True), (versions[2], [], False),
    ]  # fmt: skip
    shown = models("show", "m", second).out
    assert "retire" in shown
    log = json.loads(models("log", "m@champion", "--json").out)
    assert [entry["action"] for entry in log] == ["promote", "promote", "rollback"]
    assert log[1]["gate"]["measured_on"]["sha256"] == report["measured_on"]["sha256"]
    assert all(entry["user_name"].startswith("shell:") for entry in log)
    assert models("list", "other").err.startswith("error: there is no model 'other', there are m;")


def test_one_that_is_not_shown_to_be_as_good_is_refused_and_forced_with_a_reason(sentinode, workplace, versions):
    worse = versions[2]
    assert sentinode("models", "promote", "m@champion", versions[0], "--data", "server").status == 0
    _policy(workplace)
    checked = sentinode("models", "check", "m@champion", worse, "--data", "server", "--quiet")
    assert checked.status == 1
    assert "FAILED  sensitivity" in checked.out
    refused = sentinode("models", "promote", "m@champion", worse, "--data", "server", "--quiet")
    assert refused.status == 2
    assert "m@champion stays as it is: sensitivity: " in refused.err
    forced = sentinode("models", "promote", "m@champion", worse, "--data", "server", "--force")
    assert (forced.status, "give a reason" in forced.err) == (2, True)
    forced = sentinode("models", "promote", "m@champion", worse, "--data", "server", "--force", "--reason", "why")
    assert (forced.status, "passed over by force" in forced.out) == (0, True)


def test_other_data_than_the_frozen_is_refused(sentinode, workplace, versions):
    assert sentinode("models", "promote", "m@champion", versions[0], "--data", "server").status == 0
    _policy(workplace, sha256="0" * 64)
    refused = sentinode("models", "check", "m@champion", versions[1], "--data", "server", "--quiet")
    assert (refused.status, "is not the frozen data" in refused.err) == (2, True)


def test_the_frozen_data_is_the_same_whatever_the_models_have_learned_from(sentinode, workplace, tmp_path, versions):
    def models(*words):
        return sentinode("models", *words, "--data", "server")

    assert models("promote", "m@champion", versions[0]).status == 0
    _policy(workplace)
    frozen = json.loads(models("check", "m@champion", versions[1], "--json", "--quiet").out)["measured_on"]
    knows = write_version(tmp_path / "knows", 1.4, seen=(workplace / "frozen" / "test").rglob("*.png"))
    added = json.loads(models("add", knows.folder, "--name", "m", "--json").out)["version"]
    _policy(workplace, sha256=frozen["sha256"])
    refused = models("check", "m@champion", added, "--quiet")
    assert (refused.status, "data.on_leak=drop" in refused.err) == (2, True)
    _policy(workplace, sha256=frozen["sha256"], overrides=["data.on_leak=drop"])
    checked = json.loads(models("check", "m@champion", added, "--json", "--quiet").out)["measured_on"]
    assert (checked["sha256"], checked["n"] < frozen["n"]) == (frozen["sha256"], True)


def test_what_is_mistyped_is_no_empty_registry(sentinode, workplace, versions):
    assert sentinode("models", "promote", "m@champion", versions[0], "--data", "server").status == 0
    missing = sentinode("models", "list", "--database", "sqlite:///mistyped.sqlite")
    assert (missing.status, "there is no server's database mistyped.sqlite" in missing.err) == (2, True)
    assert not (workplace / "mistyped.sqlite").exists()
    for of, said in (("m@nosuch", "m@nosuch was never promoted"), ("m@", "is no alias"), ("other", "no model 'other'")):
        refused = sentinode("models", "log", of, "--data", "server")
        assert (refused.status, said in refused.err) == (2, True), refused.err
