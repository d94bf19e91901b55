"""The hash of a bundle, and what an edited `bundle.json` comes to."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_file
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_seal import content_sha256
from sentinode.models.bundle_writer import amend
from sentinode.studies.bundle_check import show_bundle, verify_bundle

BundleOf = Callable[[str], Bundle]


@pytest.fixture
def folder(bundle_of: BundleOf, tmp_path: Path) -> Path:
    """A bundle that a test may change."""
    return Path(shutil.copytree(bundle_of("plain").folder, tmp_path / "bundle"))


def _edit(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "bundle.json"
    fields = json.loads(path.read_text())
    edit(fields)
    path.write_text(json.dumps(fields))


@pytest.mark.parametrize(
    "edit",
    [
        lambda fields: fields["classes"].update(names=["tumour", "normal"]),
        lambda fields: fields["threshold"].update(value=0.9),
        lambda fields: fields.update(temperature=1.0),
        lambda fields: fields.update(limits=["none"]),
        lambda fields: fields["provenance"].update(trained_on="everything"),
        lambda fields: fields.update(sha256="0" * 64),
        lambda fields: fields.pop("sha256"),
    ],
)
def test_whatever_is_edited_is_found(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    _edit(folder, edit)
    with pytest.raises(BundleError, match=r"bundle\.json is not what was written.*get the bundle again"):
        open_bundle(folder)


def test_blanks_and_order_are_no_edits(folder: Path) -> None:
    path = folder / "bundle.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(fields.items()))))
    assert open_bundle(folder).sha256 == fields["sha256"]


def test_another_weight_is_another_bundle(folder: Path, reseal: Callable[[Path], None]) -> None:
    before = open_bundle(folder).sha256
    (folder / "MODEL_CARD.md").write_text("another card")
    reseal(folder)
    assert open_bundle(folder).sha256 != before


def test_an_amended_bundle_has_a_new_hash_that_holds(folder: Path) -> None:
    bundle = open_bundle(folder)
    amended = amend(bundle, description="looked at again")
    assert amended.sha256 != bundle.sha256
    assert open_bundle(folder).sha256 == amended.sha256


def test_a_bundle_of_format_1_opens_and_says_what_can_not_be_checked(folder: Path) -> None:
    def older(fields: dict[str, Any]) -> None:
        fields["format_version"] = 1
        del fields["sha256"]

    _edit(folder, older)
    bundle = open_bundle(folder)
    assert bundle.sha256 == sha256_of_file(folder / "bundle.json")
    check = verify_bundle(folder)
    assert check.to_json()["sealed"] is False
    assert "names, thresholds and figures can't be checked" in check.summary()


def test_the_hash_is_shown_and_verified(folder: Path) -> None:
    sha256 = json.loads((folder / "bundle.json").read_text())["sha256"]
    assert sha256 == content_sha256(json.loads((folder / "bundle.json").read_text()))
    assert sha256 in show_bundle(folder).summary()
    check = verify_bundle(folder)
    assert check.to_json()["sha256"] == sha256
    assert "is as it was written" in check.summary()
    assert "not signed" in check.summary()


def test_strangers_in_the_folder_are_named_and_change_nothing(folder: Path) -> None:
    """The graph takes weights from the bundle's own file alone, and hashes are over what is listed."""
    before = verify_bundle(folder)
    assert before.strangers == ()
    copies = tuple(f"copy{number:02d}.onnx" for number in range(9))
    for name in ("weights.bin", "seen.npz", "notes.txt", ".DS_Store", *copies):
        (folder / name).write_bytes(b"stranger")
    (folder / "old").mkdir()
    found = verify_bundle(folder)
    assert found.strangers == (*copies, "notes.txt", "old/", "seen.npz", "weights.bin")
    assert "not part of it, and read by nothing: copy00.onnx, " in found.summary()
    assert found.summary().endswith("notes.txt and 3 more")
    assert (found.to_json()["strangers"], found.bundle.sha256) == (list(found.strangers), before.bundle.sha256)
    assert found.bundle.seen() == {}
