"""Versions, aliases, the log, and what is refused."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from helpers import killed_promotion
from helpers.model_versions import write_version
from sentinode.core.errors import BundleError, RegistryError, VersionNotFoundError
from sentinode.metrics.comparison import compare
from sentinode.metrics.predictions import Predictions
from sentinode.registry import history
from sentinode.registry.alias import Alias
from sentinode.registry.gate import first_report, judge
from sentinode.registry.place import open_registry
from sentinode.registry.policy import Policy

CHAMPION = Alias("plain", "champion")


@pytest.fixture
def three(registry, bundles):
    """The registry with three versions, of which the alias points to the first."""
    for bundle in bundles:
        registry.add(bundle, None, "ann")
    registry.keep(CHAMPION, first_report(bundles[0], None), "ann")
    registry.promote(CHAMPION, bundles[0].sha256, "ann", "the first")
    return registry


def _forced(registry, bundle):
    return registry.promote(CHAMPION, bundle.sha256[:12], "bob", "an emergency", force=True)


def test_a_version_is_a_sealed_copy_that_outlives_its_folder(registry, tmp_path, data):
    bundle = write_version(tmp_path / "run" / "bundle")
    (tmp_path / "run" / "report").mkdir()
    (tmp_path / "run" / "report" / "report.html").write_text("the report")
    version = registry.add(bundle, "pcam", "ann", "why")
    shutil.rmtree(tmp_path / "run")
    opened = registry.open_version(version.sha256)
    assert opened.folder == data / "models" / bundle.sha256
    assert (opened.sha256, (opened.folder / "report.html").read_text()) == (bundle.sha256, "the report")
    assert registry.version("pcam", version.sha256[:6]) == version
    assert [(entry.action, entry.user_name, entry.reason) for entry in registry.log()] == [("add", "ann", "why")]


def test_an_alias_points_to_what_was_promoted_last_and_back(three, bundles):
    hashes = [bundle.sha256 for bundle in bundles]
    _forced(three, bundles[1])
    _forced(three, bundles[2])
    assert three.target(CHAMPION) == hashes[2]
    assert three.rollback(CHAMPION, "eve", "worse").to_sha256 == hashes[1]
    assert three.rollback(CHAMPION, "eve").to_sha256 == hashes[0]  # not to the one that was rolled back
    with pytest.raises(RegistryError, match="pointed to nothing before"):
        three.rollback(CHAMPION, "eve")
    moved = [(entry.action, entry.from_sha256, entry.to_sha256) for entry in three.log("plain", "champion")]
    assert moved == [
        ("promote", None, hashes[0]),
        ("promote", hashes[0], hashes[1]),
        ("promote", hashes[1], hashes[2]),
        ("rollback", hashes[2], hashes[1]),
        ("rollback", hashes[1], hashes[0]),
    ]
    assert three.open(CHAMPION).sha256 == hashes[0]


def test_what_served_at_a_time(three, bundles, monkeypatch):
    times = iter([f"2026-05-0{day}T12:00:00.000+00:00" for day in (2, 3)])
    monkeypatch.setattr("sentinode.store.model_store.now", lambda: next(times))
    store_log = three.log()
    _forced(three, bundles[1])
    _forced(three, bundles[2])
    entries = [one for one in three.log() if one not in store_log]
    assert [entry.created[:10] for entry in entries] == ["2026-05-02", "2026-05-03"]
    assert three.at("2026-05-01T12:00") == {}
    assert three.at("2026-05-02T12:00") == {"plain@champion": bundles[1].sha256}
    assert three.at("2026-05-03T13:59:59+02:00") == {"plain@champion": bundles[1].sha256}
    assert three.at("2026-05-03T14:00+02:00") == {"plain@champion": bundles[2].sha256}
    for text in ("yesterday", "", "0001-01-01T00:00+14:00"):
        with pytest.raises(RegistryError, match="is no time"):
            three.at(text)


def test_the_gate_has_to_have_looked_and_by_the_policy_that_holds(three, bundles):
    with pytest.raises(RegistryError, match="the gate has not seen"):
        three.promote(CHAMPION, bundles[1].sha256, "ann")
    with pytest.raises(RegistryError, match="give a reason"):
        three.promote(CHAMPION, bundles[1].sha256, "ann", "  ", force=True)
    assert three.target(CHAMPION) == bundles[0].sha256
    entry = _forced(three, bundles[1])
    assert (entry.forced, entry.reason, entry.user_name) == (True, "an emergency", "bob")
    assert "passed over by force" in entry.line()


def test_a_report_holds_for_the_policy_that_it_was_made_by(three, bundles):
    labels = np.arange(400) % 2
    scores = np.where(labels > 0, 0.8, 0.2)
    said = Predictions(
        [str(row) for row in range(400)], [""] * 400, labels, np.column_stack([1 - scores, scores]), ("n", "t"), 1
    )
    (comparison,) = compare([("a", said, 0.5), ("b", said, 0.5)])
    text = '[frozen]\ndata = "folder:x"\n[margins]\nauc = 0.02\nsensitivity = 0.03\n'
    three.policy_file.write_text(text)
    report = judge(bundles[0], bundles[1], None, Policy.read(three.policy_file), comparison, None)
    three.keep(CHAMPION, report, "ann")
    three.policy_file.write_text(text.replace("0.03", "0.01"))
    with pytest.raises(RegistryError, match="the policy has changed"):
        three.promote(CHAMPION, bundles[1].sha256, "ann")
    three.policy_file.write_text(text + "# a remark\n")
    entry = three.promote(CHAMPION, bundles[1].sha256, "ann", "better")
    assert (entry.forced, entry.gate) == (False, report.to_json())
    with pytest.raises(RegistryError, match="the gate has not seen"):  # it was held against another one
        three.promote(CHAMPION, bundles[2].sha256, "ann")


def test_force_passes_no_other_contract(three, bundles, tmp_path):
    info = bundles[0].info
    other = write_version(tmp_path / "b", input=info.input.model_copy(update={"mpp": 0.5}))
    three.add(other, None, "ann")
    with pytest.raises(RegistryError, match=r"µm/px: 0.972 → 0.5.*; promote it under another name"):
        _forced(three, other)


def test_a_copy_that_was_changed_is_promoted_by_nobody(three, bundles, data):
    card = data / "models" / bundles[1].sha256 / "MODEL_CARD.md"
    card.write_text(card.read_text() + "better than it is")
    with pytest.raises(BundleError, match=r"MODEL_CARD.md is not the file that was written.*writes it anew"):
        _forced(three, bundles[1])
    assert three.target(CHAMPION) == bundles[0].sha256


@pytest.mark.parametrize("gone", ["MODEL_CARD.md", "bundle.json", ""])
def test_a_copy_that_was_changed_is_written_anew_when_its_bundle_is_added_again(three, bundles, data, gone):
    place = data / "models" / bundles[1].sha256
    if gone:
        (place / gone).write_text("{}")
    else:
        shutil.rmtree(place)
        place.mkdir()
    three.add(bundles[1], None, "ann")
    assert _forced(three, bundles[1]).to_sha256 == bundles[1].sha256


@pytest.mark.parametrize("reason", ["a\nb", "\x1b[31mred", "\u202eback", "one\u2028two", "\udcff", "x" * 2001])
def test_a_reason_is_one_line_that_is_what_it_looks(three, bundles, reason):
    before = three.log()
    for attempt in (
        lambda: three.add(bundles[1], None, "ann", reason),
        lambda: three.promote(CHAMPION, bundles[1].sha256, "ann", reason, force=True),
        lambda: three.rollback(CHAMPION, "ann", reason),
        lambda: three.retire("plain", bundles[1].sha256, "ann", reason),
    ):
        with pytest.raises(RegistryError, match=r"reason .*; give"):
            attempt()
    assert three.log() == before


def test_a_copy_in_whose_place_another_bundle_lies_is_refused(three, bundles, data):
    place = data / "models" / bundles[1].sha256
    shutil.rmtree(place)
    shutil.copytree(bundles[2].folder, place)
    with pytest.raises(BundleError, match="in place of"):
        _forced(three, bundles[1])


def test_what_is_retired_stays_and_is_promoted_no_more(three, bundles):
    with pytest.raises(RegistryError, match=r"plain@champion points to .*; promote another"):
        three.retire("plain", bundles[0].sha256, "ann")
    _forced(three, bundles[1])
    assert three.retire("plain", bundles[0].sha256, "ann", "a leak").retired
    with pytest.raises(RegistryError, match="was retired"):
        three.rollback(CHAMPION, "ann")
    with pytest.raises(RegistryError, match="was retired"):
        _forced(three, bundles[0])
    assert three.open_version(bundles[0].sha256).sha256 == bundles[0].sha256
    three.add(bundles[0], None, "ann")
    assert three.rollback(CHAMPION, "ann").to_sha256 == bundles[0].sha256


def test_what_is_not_there_says_what_is(registry, bundles):
    with pytest.raises(VersionNotFoundError, match="there is none yet"):
        registry.versions("plain")
    registry.add(bundles[0], None, "ann")
    with pytest.raises(VersionNotFoundError, match="there are plain"):
        registry.version("pcam", "a" * 12)
    with pytest.raises(VersionNotFoundError, match=f"it has {bundles[0].sha256[:12]}"):
        registry.version("plain", "0" * 12)
    with pytest.raises(RegistryError, match="at least 6"):
        registry.version("plain", bundles[0].sha256[:5])
    with pytest.raises(VersionNotFoundError, match="points to no version"):
        registry.open(CHAMPION)
    registry.keep(CHAMPION, first_report(bundles[0], None), "ann")
    registry.promote(CHAMPION, bundles[0].sha256, "ann")
    with pytest.raises(RegistryError, match="already"):
        registry.promote(CHAMPION, bundles[0].sha256, "ann")


def test_another_server_takes_the_copy_over_from_where_it_was_added(three, bundles, data, tmp_path):
    url = f"sqlite:///{data / 'sentinode.sqlite'}"
    with open_registry(tmp_path / "other", url) as other:
        assert other.open(CHAMPION).folder == tmp_path / "other" / "models" / bundles[0].sha256
        shutil.rmtree(data / "models" / bundles[1].sha256)
        with pytest.raises(RegistryError, match="add its bundle again"):
            other.open_version(bundles[1].sha256)


def test_two_that_promote_at_once_move_the_alias_once(three, bundles, data):
    def promote(own, number):
        try:
            return own.promote(CHAMPION, bundles[1 + number % 2].sha256, f"u{number}", "race", force=True)
        except RegistryError as error:
            return error

    with open_registry(data) as one, open_registry(data) as other, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(promote, [one, other] * 4, range(8)))
    entries = three.log("plain", "champion")
    assert len(entries) == 1 + sum(not isinstance(one, RegistryError) for one in found)
    assert [entry.from_sha256 for entry in entries[1:]] == [entry.to_sha256 for entry in entries[:-1]]


def test_killed_in_the_middle_of_a_promotion_it_has_happened_or_not(three, bundles, data):
    before, after = (bundle.sha256 for bundle in bundles[:2])
    program = [sys.executable, str(Path(killed_promotion.__file__)), str(data), after]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["status"] for one in found] == [-9] * (len(found) - 1) + [0]
    for one in found:
        assert one["target"] == one["to"]
        assert one["target"] in (before, after)
    promoted = [one["target"] == after for one in found]
    assert promoted == sorted(promoted)  # up to one moment never, from then on always
    assert promoted.count(True) > 2
    assert promoted.count(False) > 5
    moved = three.log("plain", "champion")
    assert [entry.from_sha256 for entry in moved[1:]] == [entry.to_sha256 for entry in moved[:-1]]
    assert len(moved) == 1 + 2 * promoted.count(True)


def test_a_time_is_that_of_the_log():
    assert history.moment("2026-05-01T12:00") == "2026-05-01T12:00:00.000+00:00"
    assert history.moment("2026-05-01T12:00+02:00") == "2026-05-01T10:00:00.000+00:00"
