"""The contract of an engine: the same tests for every one of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sentinode.core.errors import BundleError, DataError, MissingExtraError, SentinodeError
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_network import load_deployed
from sentinode.models.engines import engine_factory
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import AGREEMENT, open_engine

BundleOf = Callable[[str], Bundle]
ENGINES = ("openvino", "torch")
KINDS = ("plain", "many-classes", "logit-d4-half", "batch-norm-half", "transformer")


@pytest.fixture(scope="module")
def opened(bundle_of: BundleOf) -> Callable[[str, str], Engine]:
    made: dict[tuple[str, str], Engine] = {}

    def engine(name: str, kind: str) -> Engine:
        if (name, kind) not in made:
            made[name, kind] = open_engine(bundle_of(kind), name, threads=1)
        return made[name, kind]

    return engine


Opened = Callable[[str, str], Engine]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_shapes_types_and_sums(opened: Opened, tiles: np.ndarray, name: str, kind: str) -> None:
    engine = opened(name, kind)
    scores = engine.predict(tiles)
    assert engine.name == name
    assert scores.probabilities.dtype == scores.embedding.dtype == np.float32
    assert scores.probabilities.shape == (len(tiles), len(engine.info.classes.names))
    assert scores.embedding.shape == (len(tiles), engine.info.embedding_size)
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1, atol=1e-5)
    assert scores.probabilities[:, 0].std() > 1e-4  # different tiles, different answers


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_agrees_with_the_model_that_was_written(
    opened: Opened, bundle_of: BundleOf, tiles: np.ndarray, name: str, kind: str
) -> None:
    with torch.inference_mode():
        probabilities, embedding = load_deployed(bundle_of(kind))(torch.from_numpy(tiles))
    scores = opened(name, kind).predict(tiles)
    np.testing.assert_allclose(scores.probabilities, probabilities.numpy(), atol=AGREEMENT)
    np.testing.assert_allclose(scores.embedding, embedding.numpy(), atol=AGREEMENT * max(1, embedding.abs().max()))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("count", [0, 1, 2, 37])
def test_a_tile_scores_alike_in_any_company(opened: Opened, tiles: np.ndarray, name: str, count: int) -> None:
    engine = opened(name, "logit-d4-half")
    together = engine.predict(tiles)
    part = engine.predict(tiles[:count])
    assert part.probabilities.shape == (count, 2)
    np.testing.assert_allclose(part.probabilities, together.probabilities[:count], atol=1e-5)
    np.testing.assert_allclose(part.embedding, together.embedding[:count], atol=1e-4)


@pytest.mark.parametrize("name", ENGINES)
def test_many_tiles_are_scored_in_order(opened: Opened, tiles: np.ndarray, name: str) -> None:
    engine = opened(name, "plain")
    order = np.random.default_rng(0).integers(0, len(tiles), 1500)
    once = engine.predict(tiles).probabilities
    np.testing.assert_allclose(engine.predict(tiles[order]).probabilities, once[order], atol=1e-5)


@pytest.mark.parametrize("name", ENGINES)
def test_answers_are_the_same_every_time(opened: Opened, tiles: np.ndarray, name: str) -> None:
    engine = opened(name, "logit-d4-half")
    first, second = engine.predict(tiles), engine.predict(tiles)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_array_equal(first.embedding, second.embedding)


@pytest.mark.parametrize("name", ENGINES)
def test_tiles_that_are_not_contiguous_are_fine(opened: Opened, tiles: np.ndarray, name: str) -> None:
    engine = opened(name, "plain")
    turned = tiles[::-2].transpose(0, 2, 1, 3)
    expected = engine.predict(np.ascontiguousarray(turned)).probabilities
    np.testing.assert_array_equal(engine.predict(turned).probabilities, expected)


@pytest.mark.parametrize("name", ENGINES)
def test_read_only_tiles_are_fine(opened: Opened, tiles: np.ndarray, name: str) -> None:
    frozen = tiles.copy()
    frozen.flags.writeable = False  # as those of a memory-mapped pack are
    assert len(opened(name, "plain").predict(frozen).probabilities) == len(tiles)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 30, 30, 3), np.float32), "type float32; the model takes uint8"),
        ([[1]], "type list"),
        (np.zeros((30, 30, 3), np.uint8), r"shape \(30, 30, 3\); the model takes \(N, 30, 30, 3\)"),
        (np.zeros((2, 3, 30, 30), np.uint8), r"shape \(2, 3, 30, 30\)"),
        (np.zeros((2, 30, 31, 3), np.uint8), r"shape \(2, 30, 31, 3\)"),
        (np.zeros((0, 96, 96, 3), np.uint8), r"shape \(0, 96, 96, 3\)"),
    ],
)
def test_wrong_tiles_are_refused(opened: Opened, name: str, wrong: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(name, "plain").predict(wrong)


def test_the_number_of_threads_is_respected(bundle_of: BundleOf, tiles: np.ndarray) -> None:
    from sentinode.models.engines.openvino_engine import OpenVinoEngine

    engine = open_engine(bundle_of("plain"), "openvino", threads=1)
    assert isinstance(engine, OpenVinoEngine)
    assert engine.threads == 1
    before = torch.get_num_threads()
    inside = []
    runner = open_engine(bundle_of("plain"), "torch", threads=before + 1)
    runner._model.register_forward_hook(lambda *_: inside.append(torch.get_num_threads()))  # type: ignore[attr-defined]
    runner.predict(tiles[:1])
    assert inside == [before + 1]
    assert torch.get_num_threads() == before


def test_auto_is_openvino_without_and_torch_with_a_gpu(bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_factory, "_has_cuda", lambda: False)
    assert open_engine(bundle_of("plain")).name == "openvino"
    monkeypatch.setattr(engine_factory, "_has_cuda", lambda: True)
    assert open_engine(bundle_of("plain")).name == "torch"


def test_an_unknown_engine_is_refused(bundle_of: BundleOf) -> None:
    with pytest.raises(SentinodeError, match="no engine 'onnx'; use auto, openvino, torch"):
        open_engine(bundle_of("plain"), "onnx")


def test_an_engine_that_is_not_installed_says_how_to_install_it(
    bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "sentinode.models.engines.torch_engine", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'sentinode\[models\]'"):
        open_engine(bundle_of("plain"), "torch")


@pytest.mark.parametrize("name", ENGINES)
def test_an_example_that_is_answered_differently_is_refused(
    bundle_of: BundleOf, tmp_path: Path, name: str, reseal: Callable[[Path], None]
) -> None:
    import shutil

    folder = tmp_path / "other"
    shutil.copytree(bundle_of("plain").folder, folder)
    example = dict(np.load(folder / "example.npz"))
    example["probabilities"] = example["probabilities"][:, ::-1]
    np.savez(folder / "example.npz", **example)
    reseal(folder)
    with pytest.raises(BundleError, match=f"answers its example differently than recorded: by 0.* with engine {name}"):
        open_engine(open_bundle(folder), name)


def test_an_example_of_another_shape_is_refused(
    bundle_of: BundleOf, tmp_path: Path, reseal: Callable[[Path], None]
) -> None:
    import shutil

    folder = tmp_path / "other"
    shutil.copytree(bundle_of("plain").folder, folder)
    np.savez(folder / "example.npz", tiles=np.zeros((1, 8, 8, 3), np.uint8))
    reseal(folder)
    with pytest.raises(BundleError, match="does not suit it"):
        open_engine(open_bundle(folder), "openvino")
