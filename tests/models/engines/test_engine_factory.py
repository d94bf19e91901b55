"""The contract of an engine: the same tests for every one of them."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sentinode.core.errors import BundleError, MissingExtraError, SentinodeError
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_network import load_deployed
from sentinode.models.engines import engine_factory
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import AGREEMENT, open_engine
from sentinode.testing import EngineTests

BundleOf = Callable[[str], Bundle]
ENGINES = ("openvino", "torch")
KINDS = ("plain", "many-classes", "logit-d4-half", "batch-norm-half", "transformer")


class _OurEngineTests(EngineTests):
    """The public suite on bundles of every kind; a class for each engine says by which."""

    name: str
    opened: ClassVar[dict[str, Engine]]

    @pytest.fixture(params=KINDS)
    def bundle(self, request: pytest.FixtureRequest, bundle_of: BundleOf) -> Bundle:
        return bundle_of(request.param)

    @pytest.fixture
    def engine(self, bundle: Bundle) -> Engine:
        if bundle.name not in self.opened:
            self.opened[bundle.name] = open_engine(bundle, self.name, threads=1)
        assert self.opened[bundle.name].name == self.name
        return self.opened[bundle.name]

    def test_it_agrees_with_the_model_that_was_written(
        self, bundle: Bundle, engine: Engine, tile_sample: NDArray[np.uint8]
    ) -> None:
        with torch.inference_mode():
            probabilities, embedding = load_deployed(bundle)(torch.from_numpy(tile_sample))
        scores = engine.predict(tile_sample)
        np.testing.assert_allclose(scores.probabilities, probabilities.numpy(), atol=AGREEMENT)
        np.testing.assert_allclose(scores.embedding, embedding.numpy(), atol=AGREEMENT * max(1, embedding.abs().max()))


class TestOpenVino(_OurEngineTests):
    """OpenVINO, the default on a CPU."""

    name = "openvino"
    opened: ClassVar[dict[str, Engine]] = {}


class TestTorch(_OurEngineTests):
    """torch, the default on CUDA."""

    name = "torch"
    opened: ClassVar[dict[str, Engine]] = {}


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
    with pytest.raises(SentinodeError, match="'onnx'; use auto, openvino, torch"):
        open_engine(bundle_of("plain"), "onnx")


def test_an_engine_that_is_not_installed_says_how_to_install_it(
    bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    bundle = bundle_of("plain")  # made with torch
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "sentinode.models.engines.torch_engine", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'sentinode\[torch\]'"):
        open_engine(bundle, "torch")


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
    with pytest.raises(BundleError, match=rf"example.*0\..*{name}"):
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


@pytest.mark.parametrize("linked", ["symbolic", "hard"])
def test_a_bundle_of_links_runs_as_caches_of_hubs_hold_it(
    bundle_of: Callable[[str], Bundle], tiles: NDArray[np.uint8], tmp_path: Path, linked: str
) -> None:
    bundle = bundle_of("plain")
    for path in bundle.folder.iterdir():
        link = tmp_path / path.name
        if linked == "symbolic":
            link.symlink_to(path)
        else:
            link.hardlink_to(path)
    expected = open_engine(bundle, "openvino", threads=1).predict(tiles)
    found = open_engine(open_bundle(tmp_path), "openvino", threads=1).predict(tiles)
    assert np.array_equal(found.probabilities, expected.probabilities)
