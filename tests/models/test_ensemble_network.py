"""Ensembles: the mean of what their members answer, in every engine, and what can't be averaged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from sentinode.core.errors import BundleError
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import BundleInfo
from sentinode.models.bundle_network import load_deployed
from sentinode.models.bundle_writer import render_card, write_bundle
from sentinode.models.engines.engine import Scores
from sentinode.models.engines.engine_factory import AGREEMENT, open_engine
from sentinode.models.ensemble_assembly import join
from sentinode.models.ensemble_network import combine
from sentinode.models.model_config import Mean, TestTime
from sentinode.models.onnx_graph import read_graph
from sentinode.models.quantization import graph_engine, quantize_graph

BundleOf = Callable[[str], Bundle]
MEMBERS = ("plain", "batch-norm-half", "logit-d4-half")
TEMPERATURE = 0.7


def write_joined(
    bundles: list[Bundle], folder: Path, tiles: np.ndarray, mean: Mean | None = None, test_time: TestTime | None = None
) -> Bundle:
    """The bundle of what `join` gives, at `TEMPERATURE`."""
    joined, first = join(bundles, mean, test_time), bundles[0].info
    joined.deployed.temperature.fill_(TEMPERATURE)
    size = joined.deployed.network.embedding_size
    changes = {
        "name": "joined",
        "model": joined.model,
        "input": joined.input,
        "members": joined.members,
        "embedding_size": size,
        "precision": joined.model.storage,
        "temperature": TEMPERATURE,
    }
    reference = {"embedding": np.zeros((5, size), np.float16)}
    info = first.model_copy(update=changes)
    return write_bundle(folder, info, joined.deployed, example_tiles=tiles[:3], reference=reference)


@pytest.fixture(scope="module")
def pair(bundle_of: BundleOf, tiles: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    both = [bundle_of("plain"), bundle_of("batch-norm-half")]
    return write_joined(both, tmp_path_factory.mktemp("ensembles") / "pair", tiles)


@pytest.fixture(params=["probabilities", "logits"])
def mean(request: pytest.FixtureRequest) -> Mean:
    return request.param  # type: ignore[no-any-return]


def averaged(answers: list[Scores], mean: Mean) -> np.ndarray:
    """What an ensemble of models with these answers must give."""
    logs = np.log(np.stack([answer.probabilities.astype(np.float64) for answer in answers]))
    together = logs.mean(0) if mean == "logits" else np.log(np.exp(logs).mean(0))
    return softmax(together / TEMPERATURE, axis=1)


def test_every_engine_gives_the_mean_of_the_members(pair: Bundle, bundle_of: BundleOf, tiles: np.ndarray) -> None:
    answers = [open_engine(bundle_of(kind), "openvino", threads=1).predict(tiles) for kind in MEMBERS[:2]]
    embedding = np.concatenate([answer.embedding for answer in answers], axis=1)
    for name in ("openvino", "torch"):
        scores = open_engine(pair, name, threads=1).predict(tiles)
        np.testing.assert_allclose(scores.probabilities, averaged(answers, "probabilities"), atol=1e-5)
        np.testing.assert_allclose(scores.embedding, embedding, atol=AGREEMENT * np.abs(embedding).max())


def test_members_of_every_kind_can_be_averaged(bundle_of: BundleOf, tiles: np.ndarray, mean: Mean) -> None:
    """Of one logit and two, of other input sizes, normalisation and averaging at test time."""
    bundles = [bundle_of(kind) for kind in MEMBERS]
    answers = [open_engine(bundle, "openvino", threads=1).predict(tiles) for bundle in bundles]
    deployed = join(bundles, mean).deployed
    deployed.temperature.fill_(TEMPERATURE)
    with torch.inference_mode():
        probabilities, embedding = deployed(torch.from_numpy(tiles))
    np.testing.assert_allclose(probabilities.numpy(), averaged(answers, mean), atol=1e-4)
    assert embedding.shape == (len(tiles), sum(bundle.info.embedding_size for bundle in bundles))


def test_it_says_what_it_is_made_of(pair: Bundle, bundle_of: BundleOf) -> None:
    info = open_bundle(pair.folder).info
    members = [bundle_of(kind).info for kind in MEMBERS[:2]]
    assert [member.graph_sha256 for member in info.members] == [each.files["model.onnx"] for each in members]
    assert info.pixels_a_tile == sum(each.pixels_a_tile for each in members)
    card = render_card(info)
    assert "probabilities of 2 models" in card
    member = next(line for line in card.splitlines() if line.startswith("| Model 2 | batch-norm-half: test_resnet"))
    assert "30 px, temperature 1.300" in member
    assert set(load_deployed(pair).network.state_dict()) == {
        f"members.{number}.network.{name}"
        for number, kind in enumerate(MEMBERS[:2])
        for name in load_deployed(bundle_of(kind)).network.state_dict()
    }


def test_only_halves_stay_halves(bundle_of: BundleOf) -> None:
    assert join([bundle_of("logit-d4-half"), bundle_of("batch-norm-half")]).model.storage == "float16"
    assert join([bundle_of("logit-d4-half"), bundle_of("plain")]).model.storage == "float32"


def test_averaging_over_orientations_can_be_switched_on_and_off(
    bundle_of: BundleOf, tiles: np.ndarray, tmp_path: Path
) -> None:
    on = write_joined([bundle_of("plain")], tmp_path / "on", tiles, test_time="d4")
    assert on.info.model.test_time == "d4"
    assert on.info.members == ()
    scores = open_engine(on, "openvino", threads=1).predict(tiles).probabilities
    turned = open_engine(on, "openvino", threads=1).predict(np.ascontiguousarray(tiles[:, ::-1].transpose(0, 2, 1, 3)))
    np.testing.assert_allclose(turned.probabilities, scores, atol=1e-5)
    off = write_joined([on], tmp_path / "off", tiles, test_time="none")
    plain = open_engine(bundle_of("plain"), "torch", threads=1).predict(tiles).probabilities.astype(np.float64)
    sharper = np.log(plain) * bundle_of("plain").info.temperature / TEMPERATURE
    found = open_engine(off, "torch", threads=1).predict(tiles).probabilities
    np.testing.assert_allclose(found, softmax(sharper, axis=1), atol=1e-5)
    assert np.abs(scores - found).max() > 1e-4  # it makes a difference


def test_no_averaging_means_one_size_too(bundle_of: BundleOf) -> None:
    before = bundle_of("logit-d4-half")
    assert before.info.model.test_time_sizes
    joined = join([before], test_time="none")
    assert (joined.model.test_time, joined.model.test_time_sizes) == ("none", ())
    kept = join([before, bundle_of("plain")], test_time="d4")
    assert kept.members[0].model.test_time_sizes == before.info.model.test_time_sizes


def test_an_ensemble_can_be_switched_too(pair: Bundle, tiles: np.ndarray) -> None:
    on = join([pair], mean="logits", test_time="d4")
    assert [member.model.test_time for member in on.members] == ["d4", "d4"]
    assert on.model.arguments == {"mean": "logits"}
    with torch.inference_mode():
        scores = [on.deployed(torch.from_numpy(part.copy()))[0].numpy() for part in (tiles, tiles[:, :, ::-1])]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)


def test_it_can_be_quantised(pair: Bundle, tiles: np.ndarray) -> None:
    graph = quantize_graph(pair, tiles)
    assert sum(node.op_type == "QuantizeLinear" for node in graph.graph.node) > 4
    # The first layer of every member sees the image itself and stays in float32: no quantiser stands before it.
    makers = {output: node for node in graph.graph.node for output in node.output}
    first = next(node for node in graph.graph.node if node.op_type == "Conv")
    assert makers[first.input[0]].op_type != "DequantizeLinear"
    whole = open_engine(pair, "openvino", threads=1).predict(tiles).probabilities
    small = graph_engine(graph, pair.info, threads=1).predict(tiles).probabilities
    assert np.abs(small - whole).max() < 0.05
    assert {tensor.name for tensor in read_graph(pair.graph).graph.initializer} >= {"network.members.1.temperature"}


@given(
    arrays(np.float32, (3, 4, 2), elements=st.floats(-50, 50, width=32)),
    st.permutations([0, 1, 2]),
)
def test_the_order_of_the_members_does_not_matter(logits: np.ndarray, order: list[int]) -> None:
    for mean in ("probabilities", "logits"):
        there = torch.softmax(combine(list(torch.from_numpy(logits)), mean), dim=1)  # type: ignore[arg-type]
        back = torch.softmax(combine(list(torch.from_numpy(logits[order])), mean), dim=1)  # type: ignore[arg-type]
        np.testing.assert_allclose(there, back, atol=1e-6)
    plain = torch.softmax(torch.from_numpy(logits), dim=2).mean(0)
    found = torch.softmax(combine(list(torch.from_numpy(logits)), "probabilities"), dim=1)
    np.testing.assert_allclose(found, plain, atol=1e-6)


def _changed(bundle: Bundle, **changes: Any) -> Bundle:
    return Bundle("other", bundle.folder, bundle.info.model_copy(update=changes))


def test_what_cannot_be_averaged_is_refused(bundle_of: BundleOf, pair: Bundle) -> None:
    plain, other = bundle_of("plain"), bundle_of("batch-norm-half")
    size = other.info.input
    refused: list[tuple[list[Bundle], str]] = [
        ([], "no bundle was named"),
        ([plain, bundle_of("many-classes")], "tells fat, mucus, muscle apart, .* tells normal, tumour"),
        ([plain, other, plain], "same weights as .*plain, and would only count twice"),
        ([plain, _changed(other, input=size.model_copy(update={"tile_size": 31}))], "other is for tiles of 31 px"),
        ([plain, _changed(other, input=size.model_copy(update={"mpp": None}))], "30 px at unknown µm/px, .* at 0.972"),
        ([plain, _changed(other, precision="int8")], "other is INT8, which can't be averaged"),
        ([pair, bundle_of("logit-d4-half")], "pair is an ensemble itself; name its members instead"),
        ([plain], r"plain alone would stay as it is \(test-time averaging: none\)"),
    ]
    for bundles, message in refused:
        with pytest.raises(BundleError, match=message):
            join(bundles)
    with pytest.raises(BundleError, match="no mean"):
        join([plain], mean="logits")
    with pytest.raises(BundleError, match="alone would stay as it is"):
        join([pair], mean="probabilities", test_time="none")


def test_members_and_the_architecture_belong_together(bundle_of: BundleOf) -> None:
    fields = bundle_of("plain").info.model_dump(mode="json")
    fields["model"]["architecture"] = "ensemble"
    with pytest.raises(ValueError, match="members and the architecture 'ensemble' belong together"):
        BundleInfo.model_validate(fields)
