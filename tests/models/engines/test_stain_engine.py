"""A bundle that normalises stain: every engine and every road to it gives the network the same tiles."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers import model_makers
from helpers.stained_patches import stained
from sentinode.core.errors import BundleError, RecipeError, SentinodeError
from sentinode.core.stain.normaliser import StainTarget
from sentinode.core.stain.stain_look import Method, common_look
from sentinode.explanation.explainable_model import open_model
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_writer import render_card, write_bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.engines.stain_engine import StainEngine
from sentinode.models.ensemble_assembly import check_joinable
from sentinode.models.extractor import open_extractor
from sentinode.models.quantization import quantize_graph
from sentinode.training.distillation import load_teacher
from sentinode.training.training_config import TrainingConfig

_SIDE = model_makers.TILE_SIZE
_PALE = {"haematoxylin": (0.52, 0.74, 0.43), "eosin": (0.12, 0.86, 0.50), "amounts": (1.3, 0.7)}


def _tiles(count: int = 6, first: int = 0) -> NDArray[np.uint8]:
    return np.stack([stained(seed, side=_SIDE) for seed in range(first, first + count)])


def _target(method: Method) -> StainTarget:
    return StainTarget(method, common_look(method, [stained(seed, **_PALE, side=_SIDE) for seed in range(6)]))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Method | None], Bundle]:
    """Writes a bundle that normalises by a method, or the same one without, once; not to be changed by a test."""

    @cache
    def written(method: Method | None) -> Bundle:
        deployed, info = model_makers.make_deployed("plain")
        if method:
            info = info.model_copy(update={"input": info.input.model_copy(update={"stain": _target(method)})})
        folder = tmp_path_factory.mktemp("bundles") / str(method)
        reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
        return write_bundle(folder, info, deployed, example_tiles=_tiles(3, 20), reference=reference)

    return written


@pytest.fixture(scope="module")
def bundle(write: Callable[[Method | None], Bundle]) -> Bundle:
    return write("macenko")


@pytest.mark.parametrize("method", ["macenko", "vahadane", "reinhard"])
@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_the_graph_sees_normalised_tiles(write: Callable[[Method | None], Bundle], method: Method, engine: str) -> None:
    plain = open_engine(write(None), engine, threads=1)
    tiles = _tiles()
    seen, kept = _target(method).each(tiles)
    assert not kept
    assert not np.array_equal(seen, tiles)
    found = open_engine(open_bundle(write(method).folder), engine, threads=1).predict(tiles)
    np.testing.assert_allclose(found.probabilities, plain.predict(seen).probabilities, atol=1e-6)
    np.testing.assert_allclose(found.embedding, plain.predict(seen).embedding, atol=1e-6)


def test_what_cannot_be_normalised_goes_in_as_it_is_and_is_counted(
    bundle: Bundle, write: Callable[[Method | None], Bundle]
) -> None:
    tiles = _tiles(3)
    tiles[1] = 244
    engine = open_engine(bundle, threads=1)
    assert isinstance(engine, StainEngine)
    found = engine.predict(tiles)
    expected = open_engine(write(None), threads=1).predict(tiles[1:2])
    np.testing.assert_allclose(found.probabilities[1:2], expected.probabilities, atol=1e-6)
    assert engine.kept == {"too little tissue": 1}


def test_a_slides_tiles_share_its_stain(bundle: Bundle) -> None:
    engine = open_engine(bundle, threads=1)
    assert isinstance(engine, StainEngine)
    tiles = _tiles(4)
    tiles[2] = 244  # hardly anything, but its slide is known
    look = common_look("macenko", list(tiles))
    together = engine.of_slide(look).predict(tiles)
    painted = engine.target.normaliser(look)(tiles)
    np.testing.assert_allclose(together.probabilities, engine.inner.predict(painted).probabilities, atol=1e-6)
    np.testing.assert_array_equal(engine.of_slide(None).predict(tiles)[0], engine.inner.predict(tiles)[0])


def test_more_tiles_than_a_slab_come_out_in_order(bundle: Bundle) -> None:
    engine = open_engine(bundle, threads=1)
    tiles = _tiles(7)[np.arange(300) % 7]
    np.testing.assert_allclose(engine.predict(tiles)[0], engine.predict(tiles[:7])[0][np.arange(300) % 7], atol=1e-5)
    assert engine.predict(tiles[:0]).probabilities.shape == (0, 2)


def test_features_of_a_bundle_are_normalised_and_say_so(
    bundle: Bundle, write: Callable[[Method | None], Bundle]
) -> None:
    normalising, plain = (open_extractor(one, None, tile_size=_SIDE, threads=1) for one in (bundle, write(None)))
    assert normalising.space.sha256 != plain.space.sha256
    tiles = _tiles()
    np.testing.assert_allclose(
        normalising.embed(tiles).embedding, plain.embed(_target("macenko").each(tiles)[0]).embedding, atol=1e-6
    )


def test_what_does_not_fit_is_refused(bundle: Bundle, write: Callable[[Method | None], Bundle]) -> None:
    with pytest.raises(BundleError, match="normalises stain, which INT8 bundles don't"):
        quantize_graph(bundle, _tiles())
    with pytest.raises(BundleError, match="members of an ensemble see the same tiles"):
        check_joinable([write(None), bundle], None, None)
    with pytest.raises(SentinodeError, match="can't be explained"):
        open_model(bundle)
    with pytest.raises(RecipeError, match="a teacher sees the student's images"):
        load_teacher(TrainingConfig(teacher=f"bundle:{bundle.folder}"), ("normal", "tumour"), _SIDE)


def test_the_card_says_it(bundle: Bundle, tmp_path: Path) -> None:
    assert "normalised to that of the training data (macenko)" in render_card(bundle.info)
