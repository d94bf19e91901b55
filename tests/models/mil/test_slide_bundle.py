"""A slide bundle is what was written, or it is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from helpers.bags import make_bag
from helpers.slide_models import write_drawn
from sentinode.core.errors import BundleError, DataError
from sentinode.models.bundle import Bundle
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import BagGrid
from sentinode.models.mil.slide_bundle import SlideBundle, is_slide_bundle, open_slide_bundle
from sentinode.studies.bundle_check import show_bundle, sign_bundle, verify_bundle

BundleOf = Callable[[str], Bundle]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> SlideBundle:
    return write_drawn(tmp_path_factory.mktemp("written") / "bundle")


@pytest.fixture
def folder(written: SlideBundle, tmp_path: Path) -> Path:
    """One that a test may change."""
    return Path(shutil.copytree(written.folder, tmp_path / "bundle"))


def test_it_opens_as_it_was_written(written: SlideBundle) -> None:
    opened = open_slide_bundle(written.folder)
    assert opened == replace(written, name=str(written.folder))
    assert is_slide_bundle(written.folder)
    assert sorted(opened.info.files) == [
        "MODEL_CARD.md", "aggregator.onnx", "aggregator.safetensors", "encoder.onnx", "example.npz",
    ]  # fmt: skip


def test_what_is_none_is_said(tmp_path: Path) -> None:
    assert not is_slide_bundle(tmp_path)
    with pytest.raises(BundleError, match=r"is no slide bundle: it has no slide-model.json"):
        open_slide_bundle(tmp_path)


@pytest.mark.parametrize(
    "file", ["aggregator.onnx", "encoder.onnx", "aggregator.safetensors", "example.npz", "MODEL_CARD.md"]
)
def test_a_file_that_is_missing_or_changed_is_found(folder: Path, file: str) -> None:
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(BundleError, match=f"{file} is not the file that was written"):
        open_slide_bundle(folder)
    (folder / file).unlink()
    with pytest.raises(BundleError, match=f"{file} is missing"):
        open_slide_bundle(folder)


def _edit(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "slide-model.json"
    fields = json.loads(path.read_text())
    edit(fields)
    path.write_text(json.dumps(fields))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda fields: fields["threshold"].update(value=0.9), "is not what was written"),
        (lambda fields: fields.update(classes=["tumour", "normal"]), "is not what was written"),
        (lambda fields: fields.pop("sha256"), "is not what was written"),
        (lambda fields: fields["calibration"].update(shift=[0.0, 1.0]), "2 shifts for 2 classes"),
        (lambda fields: fields.update(colour="red"), "unknown key 'colour'"),
        (lambda fields: fields.update(format_version=2), "format 2, newer than 1"),
    ],
)
def test_an_edit_is_found(folder: Path, edit: Callable[[dict[str, Any]], object], said: str) -> None:
    _edit(folder, edit)
    with pytest.raises(BundleError, match=said):
        open_slide_bundle(folder)


def test_the_tiles_bundle_comes_along(bundle_of: BundleOf, tmp_path: Path) -> None:
    tiles = bundle_of("plain")
    written = write_drawn(tmp_path / "bundle", tiles=tiles)
    opened = open_slide_bundle(tmp_path / "bundle")
    assert opened.info == written.info
    assert opened.tiles is not None
    assert opened.tiles.sha256 == tiles.sha256 == opened.info.tile_bundle
    assert verify_bundle(tmp_path / "bundle").to_json()["strangers"] == []
    shutil.rmtree(tmp_path / "bundle" / "tiles")
    shutil.copytree(bundle_of("many-classes").folder, tmp_path / "bundle" / "tiles")
    with pytest.raises(BundleError, match="tiles is another bundle than the one that"):
        open_slide_bundle(tmp_path / "bundle")
    shutil.rmtree(tmp_path / "bundle" / "tiles")
    with pytest.raises(BundleError, match="tiles"):
        open_slide_bundle(tmp_path / "bundle")


def test_it_is_shown_verified_and_signed(folder: Path, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    (tmp_path / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "key.pub").write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    card = show_bundle(folder)
    assert "abmil, 16 hidden features" in card.summary()
    assert "isolated tumour cells are positive" in card.summary()
    assert card.to_json()["task"] == "slide classification"
    check = verify_bundle(folder).to_json()
    assert (check["engines"], check["signed_by"], check["strangers"]) == (["openvino", "torch"], None, [])
    with pytest.raises(BundleError, match="is not signed"):
        open_slide_bundle(folder, trust=[tmp_path / "key.pub"])
    signed = sign_bundle(folder, tmp_path / "key")
    assert open_slide_bundle(folder, trust=[tmp_path / "key.pub"]).sha256 == signed.bundle.sha256
    (folder / "notes.txt").write_text("mine")
    check = verify_bundle(folder).to_json()
    assert (check["signed_by"], check["strangers"]) == (signed.signature.fingerprint, ["notes.txt"])


def test_a_bag_of_other_features_is_refused(tmp_path: Path) -> None:
    bag = make_bag("a", tiles=3, size=12)
    grid = bag.facts.grid or BagGrid(tile_px=96, mpp=1, step_px=96)
    bundle = write_drawn(tmp_path / "bundle", space=bag.facts.space, grid=grid)
    bundle.check_bag(bag)

    def changed(**facts: Any) -> Any:
        return replace(bag, facts=bag.facts.model_copy(update=facts))

    with pytest.raises(DataError, match=r"bag a has 12 features of another, and .* was fitted on"):
        bundle.check_bag(changed(space=FeatureSpace("network", "another", 96, "1" * 64)))
    coarse = grid.model_copy(update={"mpp": grid.mpp * 2})
    with pytest.raises(DataError, match=r"bag a is of tiles of .* compute the features so"):
        bundle.check_bag(changed(grid=coarse))
    dense = grid.model_copy(update={"step_px": 48})
    with pytest.raises(DataError, match=r"tiles of 96 px at .* 48 px apart, and .* was fitted on .* 96 px apart"):
        bundle.check_bag(changed(grid=dense))
    with pytest.raises(DataError, match="bag a has 5 features"):
        bundle.check_bag(replace(bag, rows=np.zeros((3, 5), np.float16)))
