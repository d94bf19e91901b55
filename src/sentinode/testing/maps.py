"""What every explanation method does alike: finite maps of the tiles' size, the same whenever they are asked for.

A package with a method inherits the suite, and gives the method with a model that it can explain:

    class TestMyMaps(MapTests):
        @pytest.fixture
        def method(self):
            return MY_METHOD

        @pytest.fixture
        def model(self):
            return open_model(open_bundle("pcam"))
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from sentinode.explanation.explainable_model import ExplainableModel
from sentinode.explanation.methods import Method, why_not


class MapTests:
    """The contract of `explanation.methods.Method`. Give the fixtures `method` and `model`."""

    @pytest.fixture
    def method(self) -> Method:
        """The method. To be given by the class that inherits."""
        raise NotImplementedError("give the fixture `method`: what explains")

    @pytest.fixture
    def model(self) -> ExplainableModel:
        """A model that the method can explain. To be given by the class that inherits."""
        raise NotImplementedError("give the fixture `model`: what is explained")

    @pytest.fixture
    def tile_sample(self, model: ExplainableModel) -> NDArray[np.uint8]:
        """(3, S, S, 3) uint8: smooth blobs of colour."""
        side = model.info.input.tile_size
        coarse = np.random.default_rng(5).integers(0, 256, (3, 5, 5, 3)).astype(np.uint8)
        place = np.arange(side) * 5 // side
        return np.ascontiguousarray(coarse[:, place][:, :, place])

    def test_says_what_it_is(self, method: Method) -> None:
        """A name that the command line can take, a title and words for the page."""
        assert method.name == method.name.strip().lower()
        assert not set(method.name) & set(", /")
        assert method.title
        assert len(method.about) > 20

    def test_it_can_explain_the_model(self, method: Method, model: ExplainableModel) -> None:
        """By what it says that it needs."""
        assert why_not(model, method) is None

    def test_maps_are_finite_and_of_the_tiles_size(
        self, method: Method, model: ExplainableModel, tile_sample: NDArray[np.uint8]
    ) -> None:
        """(N, H, W) float32; negative only where it says so; for every class."""
        explainer = method.make(None)
        for target in range(len(model.info.classes.names)):
            maps = explainer.maps(model, tile_sample, target)
            assert maps.shape == tile_sample.shape[:3]
            assert maps.dtype == np.float32
            assert np.isfinite(maps).all()
            assert explainer.signed or maps.min() >= 0

    def test_a_map_is_the_same_in_any_company(
        self, method: Method, model: ExplainableModel, tile_sample: NDArray[np.uint8]
    ) -> None:
        """Whichever tiles come with it, and whenever it is asked for."""
        maps = method.make(None).maps(model, tile_sample, 0)
        alone = method.make(None).maps(model, tile_sample[1:2], 0)
        np.testing.assert_allclose(alone[0], maps[1], atol=1e-4 * max(1e-3, np.abs(maps).max()))
        np.testing.assert_array_equal(method.make(None).maps(model, tile_sample[1:2], 0), alone)

    def test_tiles_and_model_are_left_as_they_were(
        self, method: Method, model: ExplainableModel, tile_sample: NDArray[np.uint8]
    ) -> None:
        """Read-only tiles are fine, and the model answers as before."""
        before = model.probabilities(tile_sample)
        frozen = tile_sample.copy()
        frozen.flags.writeable = False
        method.make(None).maps(model, frozen, 0)
        np.testing.assert_array_equal(model.probabilities(tile_sample), before)
