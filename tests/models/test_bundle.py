import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinode.core.errors import BundleError
from sentinode.models.bundle import Bundle, open_bundle, shipped_bundles

BundleOf = Callable[[str], Bundle]


@pytest.fixture
def folder(bundle_of: BundleOf, tmp_path: Path) -> Path:
    """A bundle that a test may damage."""
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_of("plain").folder, copy)
    return copy


def _edit(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "bundle.json"
    fields = json.loads(path.read_text())
    edit(fields)
    path.write_text(json.dumps(fields))


def test_what_was_written_is_what_is_opened(bundle_of: BundleOf, tiles: np.ndarray) -> None:
    written = bundle_of("plain")
    bundle = open_bundle(written.folder)
    assert bundle.info == written.info
    assert bundle.info.classes.positive == "tumour"
    assert bundle.info.temperature == 1.3
    np.testing.assert_array_equal(bundle.example()["tiles"], tiles[:3])
    assert bundle.reference()["embedding"].shape == (5, 128)
    assert bundle.seen() == {}


@pytest.mark.parametrize("name", ["model.onnx", "weights.safetensors", "example.npz", "reference.npz", "MODEL_CARD.md"])
def test_a_changed_file_and_a_missing_file_are_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} is not the file that was written"):
        open_bundle(folder)
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"incomplete: {name} is missing"):
        open_bundle(folder)


def test_a_file_that_is_left_out_of_the_list_is_refused(folder: Path, reseal: Callable[[Path], None]) -> None:
    _edit(folder, lambda fields: fields["files"].pop("model.onnx"))
    reseal(folder)
    with pytest.raises(BundleError, match=r"model\.onnx is not the file that was written"):
        open_bundle(folder)


def test_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    _edit(folder, lambda fields: fields["files"].update({"../secret": "0"}))
    with pytest.raises(BundleError, match=r"no bundle has: \.\./secret"):
        open_bundle(folder)


def test_a_newer_format_is_refused_before_its_unknown_keys(folder: Path) -> None:
    _edit(folder, lambda fields: fields.update(format_version=3, something="new"))
    with pytest.raises(BundleError, match=r"format 3, newer than 2.*upgrade"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda fields: fields.update(surprise=1), "unknown key 'surprise'"),
        (lambda fields: fields.pop("input"), "'input' is missing"),
        (lambda fields: fields.pop("format_version"), "KeyError: 'format_version'"),
        (lambda fields: fields.update(temperature=0), "temperature = 0: .*greater than 0"),
        (lambda fields: fields["classes"].update(positive="lymph"), "lymph is not one of the classes"),
        (lambda fields: fields.update(threshold=None), "belong together"),
    ],
)
def test_a_damaged_description_is_refused(folder: Path, edit: Callable[[dict[str, Any]], object], message: str) -> None:
    _edit(folder, edit)
    with pytest.raises(BundleError, match=message):
        open_bundle(folder)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"3"])
def test_a_description_that_is_no_description_is_refused(folder: Path, content: bytes) -> None:
    (folder / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"bundle\.json is damaged"):
        open_bundle(folder)


def test_a_pickle_in_an_array_file_is_refused(folder: Path, reseal: Callable[[Path], None]) -> None:
    np.savez(folder / "example.npz", tiles=np.array([{"a": 1}], dtype=object))
    reseal(folder)
    with pytest.raises(BundleError, match="can't be read"):
        open_bundle(folder).example()


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="'nowhere'; give"):
        open_bundle("nowhere")
    with pytest.raises(BundleError, match=r"bundle\.json"):
        open_bundle(tmp_path)


def test_every_shipped_bundle_opens() -> None:
    for name in shipped_bundles():
        bundle = open_bundle(name)
        assert bundle.name == name


def test_the_shipped_bundles_together_are_small() -> None:
    folders = [open_bundle(name).folder for name in shipped_bundles()]
    assert sum(path.stat().st_size for folder in folders for path in folder.iterdir()) <= 16e6


def test_opening_and_running_import_no_torch(folder: Path) -> None:
    code = f"""
import sys
from sentinode.models.bundle import open_bundle
bundle = open_bundle({str(folder)!r})
assert "openvino" not in sys.modules
from sentinode.models.engines.engine_factory import open_engine
open_engine(bundle, "openvino", threads=1)
import sentinode.models.prediction
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
