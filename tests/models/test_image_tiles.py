"""Bundles that take images of any size: cut, embedded, pooled and judged in one graph, on every engine alike."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from helpers.model_makers import make_deployed
from sentinode.core.errors import BundleError, DataError
from sentinode.core.tile_cover import cut
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import BundleInfo, HeadSpec
from sentinode.models.bundle_writer import write_bundle
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.engines import engine as engine_module
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.ensemble_assembly import check_joinable
from sentinode.models.extractor import open_extractor
from sentinode.models.image_tiles import cut_images
from sentinode.models.networks.heads import LinearHead
from sentinode.models.onnx_graph import read_graph
from sentinode.models.prediction import Failure, predict_images

ENGINES = ("openvino", "torch")
KINDS = ("plain", "logit-d4-half")
SIDE = 30
SIZES = ((30, 30), (31, 30), (75, 55), (48, 65), (30, 121))


def _image(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(height + width).integers(0, 256, (height // 6 + 1, width // 6 + 1, 3))
    return np.kron(coarse, np.ones((6, 6, 1)))[:height, :width].astype(np.uint8)


def _pooling(deployed: DeployedModel, info: BundleInfo) -> BundleInfo:
    """Put a linear classical head on the mean and the maximum of the tiles' embeddings."""
    size = 2 * info.embedding_size
    rng = np.random.default_rng(0)
    arrays = {"centre": np.zeros(size), "weight": rng.normal(size=(2, size)), "bias": np.zeros(2)}
    spec = HeadSpec(kind="linear", classes=2, description="a test")
    head = LinearHead(spec, {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()})
    deployed.network.set_submodule(deployed.network.head_name, head)
    deployed.pooling = ("mean", "max")
    taken = info.input.model_copy(update={"pooling": ("mean", "max")})
    return info.model_copy(update={"input": taken, "head": spec, "embedding_size": size})


@pytest.fixture(scope="module")
def pooling_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bundle]:
    made: dict[str, Bundle] = {}

    def bundle(kind: str) -> Bundle:
        if kind not in made:
            deployed, info = make_deployed(kind)
            info = _pooling(deployed, info)
            example = np.stack([_image(70, 45), _image(70, 45)[::-1]])
            folder = tmp_path_factory.mktemp("pooling") / kind
            made[kind] = write_bundle(folder, info, deployed, example_tiles=example, reference={"n": np.zeros(1)})
        return made[kind]

    return bundle


PoolingOf = Callable[[str], Bundle]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_graph_cuts_as_packing_does(height: int, width: int) -> None:
    images = np.stack([_image(height, width), _image(height, width)[::-1]])
    tiles, count = cut_images(torch.from_numpy(images), SIDE)
    np.testing.assert_array_equal(tiles.numpy(), np.concatenate([cut(image, SIDE) for image in images]))
    assert 2 * count == len(tiles)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_that_of_the_pooled_embeddings_of_the_tiles(pooling_of: PoolingOf, kind: str, name: str) -> None:
    bundle = pooling_of(kind)
    plain, _ = make_deployed(kind)
    if bundle.info.model.storage == "float16":
        plain.network.half().float()  # the stored weights are rounded
    head, _ = make_deployed(kind)
    _pooling(head, bundle.info.model_copy(update={"embedding_size": bundle.info.embedding_size // 2}))
    engine = open_engine(bundle, name, threads=1)
    for height, width in SIZES:
        image = _image(height, width)
        with torch.inference_mode():
            _, tiles = plain.eval()(torch.from_numpy(cut(image, SIDE)))
            pooled = torch.cat([tiles.mean(0, keepdim=True), tiles.amax(0, keepdim=True)], dim=1)
            assert head.network.classical_head is not None
            expected = torch.softmax(head.network.classical_head.judge(pooled) / 1.3, dim=1)
        scores = engine.predict(image[None])
        scale = max(1.0, float(pooled.abs().max()))
        np.testing.assert_allclose(scores.embedding, pooled.numpy(), atol=2e-4 * scale)
        np.testing.assert_allclose(scores.probabilities, expected.numpy(), atol=1e-3)


@pytest.mark.parametrize("name", ENGINES)
def test_several_images_answer_as_alone(pooling_of: PoolingOf, name: str) -> None:
    engine = open_engine(pooling_of("plain"), name, threads=1)
    images = [_image(*size) for size in (*SIZES[1:], SIZES[2], SIZES[2], SIZES[0])]
    alone = np.concatenate([engine.predict(image[None]).probabilities for image in images])
    np.testing.assert_allclose(engine.probabilities(images), alone, atol=1e-6)
    assert engine.probabilities([]).shape == (0, 2)
    assert alone[:, 0].std() > 1e-4


@pytest.mark.parametrize("name", ENGINES)
def test_what_is_too_small_or_too_large_is_refused(
    pooling_of: PoolingOf, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(pooling_of("plain"), name, threads=1)
    for shape in ((1, 29, 60, 3), (1, 60, 29, 3), (60, 60, 3), (1, 60, 60, 4)):
        with pytest.raises(DataError, match="H and W at least 30"):
            engine.predict(np.zeros(shape, np.uint8))
    monkeypatch.setattr(engine_module, "PIXELS_AT_ONCE", 3600)
    assert engine.predict(np.zeros((2, 60, 60, 3), np.uint8)).probabilities.shape == (2, 2)
    with pytest.raises(DataError, match=r"61×60 px.*shrink it or crop it"):
        engine.predict(np.zeros((1, 60, 61, 3), np.uint8))


def test_files_of_any_size_are_predicted(pooling_of: PoolingOf, tmp_path: Path) -> None:
    engine = open_engine(pooling_of("plain"), "openvino", threads=1)
    sizes = (*SIZES, (20, 300), (75, 55))
    paths = [tmp_path / f"{number}.png" for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        Image.fromarray(_image(*size)).save(path)
    found = list(predict_images(engine, paths))
    small = found.pop(5)
    assert isinstance(small, Failure)
    assert "5.png: images have shape (1, 20, 300, 3); the model takes (N, H, W, 3)" in small.message
    expected = [engine.predict(_image(*size)[None]).probabilities[0] for size in (*SIZES, (75, 55))]
    for one, each in zip(found, expected, strict=True):
        assert not isinstance(one, Failure)
        np.testing.assert_allclose(list(one.probabilities.values()), each, atol=1e-6)


def test_the_bundle_says_so(pooling_of: PoolingOf) -> None:
    bundle = open_bundle(pooling_of("plain").folder)
    assert bundle.info.input.pooling == ("mean", "max")
    model = read_graph(bundle.graph)
    onnx.checker.check_model(model, full_check=True)
    dims = [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["N", "H", "W", 3]
    card = (bundle.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "any size from 30 × 30 px on at 0.972 µm/px" in card
    assert "mean and max of the tiles' embeddings" in card


def test_what_it_is_not_for_is_refused(pooling_of: PoolingOf) -> None:
    bundle = pooling_of("plain")
    with pytest.raises(BundleError, match="pools"):
        open_extractor(bundle, None, tile_size=SIDE)
    with pytest.raises(BundleError, match="takes images of any size"):
        check_joinable([bundle], None, "d4")
    fields = bundle.info.model_dump() | {"head": None}
    with pytest.raises(ValidationError, match="pooled for a classical head"):
        BundleInfo.model_validate(fields)
