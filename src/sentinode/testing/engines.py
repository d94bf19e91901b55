"""What every engine does alike: shapes and types, the same answer in any company, refusals.

A package with an engine inherits the suite, and gives a bundle with what runs it:

    class TestMyEngine(EngineTests):
        @pytest.fixture
        def bundle(self):
            return open_bundle("pcam")

        @pytest.fixture
        def engine(self, bundle):
            return MyEngine(bundle.graph, bundle.info)
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import check_example

_WRONG_SHAPES = ("a single tile", "channels first", "not square", "another size", "no tile of another size")


class EngineTests:
    """The contract of `models.engines.engine.Engine`. Give the fixtures `bundle` and `engine`."""

    @pytest.fixture
    def bundle(self) -> Bundle:
        """A bundle whose tiles have one size. To be given by the class that inherits."""
        raise NotImplementedError("give the fixture `bundle`: what the engine runs")

    @pytest.fixture
    def engine(self, bundle: Bundle) -> Engine:
        """The engine of that bundle. To be given by the class that inherits."""
        raise NotImplementedError(f"give the fixture `engine`: what runs {bundle.name}")

    @pytest.fixture
    def tile_sample(self, engine: Engine) -> NDArray[np.uint8]:
        """(37, S, S, 3) uint8: smooth blobs of colour, so that a model sees more than noise."""
        side = engine.info.input.tile_size
        coarse = np.random.default_rng(5).integers(0, 256, (37, 5, 5, 3)).astype(np.uint8)
        place = np.arange(side) * 5 // side
        return np.ascontiguousarray(coarse[:, place][:, :, place])

    def test_shapes_types_and_sums(self, engine: Engine, tile_sample: NDArray[np.uint8]) -> None:
        """Probabilities sum to 1; different tiles have different answers."""
        scores = engine.predict(tile_sample)
        assert engine.name
        assert scores.probabilities.dtype == scores.embedding.dtype == np.float32
        assert scores.probabilities.shape == (len(tile_sample), len(engine.info.classes.names))
        assert scores.embedding.shape == (len(tile_sample), engine.info.embedding_size)
        np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1, atol=1e-5)
        assert scores.probabilities[:, 0].std() > 1e-4

    def test_the_bundles_example_is_answered_as_recorded(self, bundle: Bundle, engine: Engine) -> None:
        """Within what engines may differ by."""
        check_example(bundle, engine)

    @pytest.mark.parametrize("count", [0, 1, 2, 37])
    def test_a_tile_scores_alike_in_any_company(
        self, engine: Engine, tile_sample: NDArray[np.uint8], count: int
    ) -> None:
        """However many tiles come together, none among them."""
        together, part = engine.predict(tile_sample), engine.predict(tile_sample[:count])
        assert part.probabilities.shape == (count, len(engine.info.classes.names))
        np.testing.assert_allclose(part.probabilities, together.probabilities[:count], atol=1e-5)
        scale = max(1.0, float(np.abs(together.embedding).max()))
        np.testing.assert_allclose(part.embedding, together.embedding[:count], atol=1e-4 * scale)

    def test_many_tiles_are_scored_in_order(self, engine: Engine, tile_sample: NDArray[np.uint8]) -> None:
        """More than go through at once."""
        order = np.random.default_rng(0).integers(0, len(tile_sample), 600)
        alone = engine.predict(tile_sample).probabilities
        np.testing.assert_allclose(engine.predict(tile_sample[order]).probabilities, alone[order], atol=1e-5)

    def test_answers_are_the_same_every_time(self, engine: Engine, tile_sample: NDArray[np.uint8]) -> None:
        """To the last bit."""
        first, second = engine.predict(tile_sample), engine.predict(tile_sample)
        np.testing.assert_array_equal(first.probabilities, second.probabilities)
        np.testing.assert_array_equal(first.embedding, second.embedding)

    def test_tiles_that_are_not_contiguous_are_fine(self, engine: Engine, tile_sample: NDArray[np.uint8]) -> None:
        """Turned ones, and every second one."""
        turned = tile_sample[::-2].transpose(0, 2, 1, 3)
        expected = engine.predict(np.ascontiguousarray(turned)).probabilities
        np.testing.assert_array_equal(engine.predict(turned).probabilities, expected)

    def test_read_only_tiles_are_fine(self, engine: Engine, tile_sample: NDArray[np.uint8]) -> None:
        """As those of a memory-mapped pack are."""
        frozen = tile_sample.copy()
        frozen.flags.writeable = False
        assert len(engine.predict(frozen).probabilities) == len(tile_sample)

    @pytest.mark.parametrize("wrong", _WRONG_SHAPES)
    def test_a_wrong_shape_is_refused(self, engine: Engine, wrong: str) -> None:
        """With the shape that the model takes."""
        side = engine.info.input.tile_size
        shape = dict(
            zip(
                _WRONG_SHAPES,
                [(side, side, 3), (2, 3, side, side), (2, side, side + 1, 3), (2, 7, 7, 3), (0, 7, 7, 3)],
                strict=True,
            )
        )[wrong]
        with pytest.raises(DataError) as caught:
            engine.predict(np.zeros(shape, np.uint8))
        assert f"shape {shape}; the model takes (N, {side}, {side}, 3)" in str(caught.value)

    def test_another_type_is_refused(self, engine: Engine, tile_sample: NDArray[np.uint8]) -> None:
        """Scaled tiles above all, which a model would take for black."""
        with pytest.raises(DataError, match="type float32; the model takes uint8"):
            engine.predict((tile_sample / 255).astype(np.float32))
        listed: Any = [[1]]
        with pytest.raises(DataError, match="type list"):
            engine.predict(listed)
