"""Both engines answer as the aggregator does, whatever the method and however many tiles there are."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.slide_models import drawn_aggregator, write_drawn
from sentinode.core.errors import BundleError, DataError, SentinodeError
from sentinode.models.mil import bag_view, slide_engine
from sentinode.models.mil.aggregator_config import METHODS, Method
from sentinode.models.mil.bag_view import ArrayBag
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.models.mil.slide_engine import open_slide_engine


def _bag(tiles: int) -> ArrayBag:
    drawn = np.random.default_rng(tiles).normal(size=(tiles, 12))
    return ArrayBag("drawn", drawn.astype(np.float16))


@pytest.mark.parametrize(("method", "classes"), [*((method, 2) for method in METHODS), ("top-k", 4), ("transmil", 4)])
def test_engines_agree_with_the_aggregator(method: Method, classes: int, tmp_path: Path) -> None:
    bundle = write_drawn(tmp_path / "bundle", method, classes=classes)
    aggregator = drawn_aggregator(method, classes=classes)
    engines = [open_slide_engine(bundle, name, threads=1) for name in ("openvino", "torch")]
    for tiles in (1, 2, 5, 37, 401):
        bag = _bag(tiles)
        with torch.inference_mode():
            expected = aggregator(torch.from_numpy(bag.features())[None], torch.ones((1, tiles), dtype=torch.bool))
        for engine in engines:
            answer = engine.look(bag)
            np.testing.assert_allclose(answer.logits, expected.logits[0], atol=1e-5)
            np.testing.assert_allclose(answer.attention, expected.attention[0], atol=1e-6)
            assert answer.attention.sum() == pytest.approx(1, abs=1e-5)
            assert (answer.instance is None) == (expected.instance is None)
            if answer.instance is not None:
                np.testing.assert_allclose(answer.instance, expected.instance[0], atol=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_are_calibrated(classes: int, tmp_path: Path) -> None:
    bundle = write_drawn(tmp_path / "bundle", classes=classes)
    answer = open_slide_engine(bundle, threads=1).look(_bag(9))
    calibration = bundle.info.calibration
    above = 1 / (1 + np.exp(-(answer.logits * calibration.scale + np.array(calibration.shift))))
    assert answer.probabilities.shape == (classes,)
    assert answer.probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert (answer.probabilities >= 0).all()
    np.testing.assert_allclose(np.cumsum(answer.probabilities[::-1])[::-1][1:], above, atol=1e-6)
    assert answer.score == pytest.approx(above[0], abs=1e-6)


@pytest.mark.parametrize("method", ["mean", "abmil"])
def test_a_large_bag_goes_through_in_parts(method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_slide_engine(write_drawn(tmp_path / "bundle", method), threads=1)
    whole = engine.look(_bag(50))
    monkeypatch.setattr(bag_view, "CHUNK", 7)
    parts = engine.look(_bag(50))
    np.testing.assert_allclose(parts.logits, whole.logits, atol=1e-5)
    np.testing.assert_allclose(parts.attention, whole.attention, atol=1e-6)


def test_bags_that_can_not_be_judged_are_refused(tmp_path: Path) -> None:
    engine = open_slide_engine(write_drawn(tmp_path / "bundle"), threads=1)
    with pytest.raises(DataError, match="bag a has no tile"):
        engine.look(ArrayBag("a", np.zeros((0, 12), np.float16)))
    with pytest.raises(DataError, match="bag a has features of length 5, not 12"):
        engine.look(ArrayBag("a", np.zeros((3, 5), np.float16)))
    with pytest.raises(DataError, match="bag a has features that are no finite numbers"):
        engine.look(ArrayBag("a", np.full((3, 12), np.inf, np.float16)))


def test_an_engine_that_answers_differently_is_refused(tmp_path: Path) -> None:
    bundle = write_drawn(tmp_path / "bundle")
    example = bundle.example()
    np.savez(bundle.folder / "example.npz", **{**example, "attention": example["attention"][::-1]})
    with pytest.raises(BundleError, match="answers its example differently than recorded"):
        open_slide_engine(bundle, threads=1)
    np.savez(bundle.folder / "example.npz", **{**example, "attention": example["attention"][1:]})
    with pytest.raises(BundleError, match=r"does not suit it \(attention of shape \(37,\) instead of \(36,\)"):
        open_slide_engine(bundle, threads=1)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_weights_that_can_not_be_read_are_refused(engine: str, tmp_path: Path) -> None:
    bundle: SlideBundle = write_drawn(tmp_path / "bundle")
    for path in (bundle.aggregator, bundle.weights):
        path.write_bytes(b"junk")
    with pytest.raises(BundleError, match="get the bundle again"):
        open_slide_engine(bundle, engine, threads=1)


def test_openvino_needs_neither_torch_nor_a_trainers_libraries(tmp_path: Path) -> None:
    write_drawn(tmp_path / "bundle")
    code = f"""
import sys
sys.modules |= dict.fromkeys(["torch", "h5py", "onnx", "safetensors", "scipy", "sklearn", "pandas"])
import numpy as np
from sentinode.models.mil.bag_view import ArrayBag
from sentinode.models.mil.slide_bundle import open_slide_bundle
from sentinode.models.mil.slide_engine import open_slide_engine
engine = open_slide_engine(open_slide_bundle({str(tmp_path / "bundle")!r}), threads=1)
print(engine.look(ArrayBag("a", np.ones((3, 12), np.float16))).attention.sum())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(1)


def test_engines_have_names(tmp_path: Path) -> None:
    bundle = write_drawn(tmp_path / "bundle")
    assert open_slide_engine(bundle, threads=1).name == "openvino"
    assert slide_engine.usable_slide_engines() == ("openvino", "torch")
    with pytest.raises(SentinodeError, match="there is no engine 'tpu'; use auto, openvino, torch"):
        open_slide_engine(bundle, "tpu")
