import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from helpers.model_makers import make_deployed
from sentinode.core.errors import BundleError
from sentinode.core.metric import Metric
from sentinode.models import graph_folder
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import BundleInfo, Headline
from sentinode.models.bundle_writer import amend, write_bundle
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.weights import load_weights

BundleOf = Callable[[str], Bundle]


def _write(folder: Path, made: tuple[DeployedModel, BundleInfo], tiles: np.ndarray, **more: object) -> Bundle:
    deployed, info = made
    return write_bundle(folder, info, deployed, example_tiles=tiles[:2], reference={"x": np.zeros(3)}, **more)  # type: ignore[arg-type]


def test_a_graph_that_answers_differently_is_not_written(
    tiles: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(deployed: DeployedModel, storage: str) -> object:
        graph = original(deployed, storage)  # type: ignore[arg-type]
        with torch.no_grad():
            deployed.network.get_parameter("classifier.bias").add_(1.0 * torch.arange(2))
        return graph

    original = graph_folder.export_graph
    monkeypatch.setattr(graph_folder, "export_graph", wrong)
    with pytest.raises(BundleError, match="answers its example differently"):
        _write(tmp_path / "bundle", make_deployed("plain"), tiles)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_replaces_the_old_one_as_a_whole(tiles: np.ndarray, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    seen = {"train": np.array([1, 2**63], np.uint64), "validation": np.array([7], np.uint64)}
    bundle = _write(folder, make_deployed("plain"), tiles, seen=seen)
    np.testing.assert_array_equal(bundle.seen()["train"], seen["train"])
    _write(folder, make_deployed("plain"), tiles)
    assert not (folder / "seen.npz").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("kind", ["logit-d4-half", "batch-norm-half"])
def test_half_precision_is_stored_in_half_the_space_and_rounded_once(bundle_of: BundleOf, kind: str) -> None:
    bundle = bundle_of(kind)
    state = load_file(bundle.weights)
    large = {name for name, value in state.items() if value.ndim >= 2}
    assert large
    assert {state[name].dtype for name in large} == {np.dtype(np.float16)}
    numbers = sum(value.size for value in state.values())
    assert bundle.graph.stat().st_size < 2.5 * numbers + 100_000


def test_fields_can_be_amended_without_touching_the_model(bundle_of: BundleOf, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "bundle"
    shutil.copytree(bundle_of("plain").folder, folder)
    before = open_bundle(folder)
    headline = Headline(split="test", n=1234, figures={"auc": Metric(value=0.91, low=0.9, high=0.92, method="DeLong")})
    after = amend(before, metrics=headline)
    assert open_bundle(folder).info.metrics == headline
    assert after.info.files["model.onnx"] == before.info.files["model.onnx"]
    assert "| auc | 0.910 | 0.900 – 0.920 | DeLong |" in (folder / "MODEL_CARD.md").read_text()
    assert "1,234 tiles" in (folder / "MODEL_CARD.md").read_text()


def test_a_bundle_gives_its_backbone_to_a_new_network(bundle_of: BundleOf) -> None:
    bundle = bundle_of("plain")
    config = ModelConfig(architecture="cnn3", weights=f"bundle:{bundle.folder}")
    network = build_network(config, 9)
    load_weights(network, config)
    stored = load_file(bundle.weights)["features.block3.0.weight"]
    np.testing.assert_array_equal(network.state_dict()["features.block3.0.weight"].numpy(), stored)


def test_the_description_is_json_without_surprises(bundle_of: BundleOf) -> None:
    fields = json.loads((bundle_of("plain").folder / "bundle.json").read_text())
    assert fields["format_version"] == 2
    assert fields["input"]["tile_size"] == 30
    assert set(fields["files"]) == {
        "model.onnx",
        "weights.safetensors",
        "example.npz",
        "reference.npz",
        "MODEL_CARD.md",
    }
    assert "torch" in fields["provenance"]["libraries"]
