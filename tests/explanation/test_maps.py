"""What every method promises, and what each is held against."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

from sentinode.core.errors import SentinodeError
from sentinode.explanation.blur import blurred
from sentinode.explanation.class_activation import constant_of
from sentinode.explanation.explainable_model import ExplainableModel, members_of
from sentinode.explanation.explanation import Examiner, explain, likeness
from sentinode.explanation.faithfulness import SMOOTHNESS, random_fields, random_orders, smoothness_of
from sentinode.explanation.layers import find_layer, layers_of
from sentinode.explanation.methods import METHODS, Method, method_of, why_not
from sentinode.explanation.perturbation import superpixels
from sentinode.explanation.projection import spread, turned_back
from sentinode.explanation.receptive_fields import cell_centres
from sentinode.models.deployed_model import orientations
from sentinode.testing import MapTests

Opened = Callable[[str], ExplainableModel]


KINDS = ("plain", "many-classes", "logit-d4-half", "transformer")
PERTURBING = ("lime", "occlusion")


class TestMaps(MapTests):
    """The public suite on every model that a method can explain; that it refuses the others with a reason."""

    @pytest.fixture(params=[name for name in METHODS if name not in PERTURBING])
    def method(self, request: pytest.FixtureRequest) -> Method:
        return METHODS[request.param]

    @pytest.fixture(params=KINDS)
    def model(self, request: pytest.FixtureRequest, method: Method, opened_of: Opened) -> ExplainableModel:
        model = opened_of(request.param)
        if why_not(model, method):
            with pytest.raises(SentinodeError, match=r"can't explain .*; use (layercam|gradcam)"):
                method_of(model, method.name)
            pytest.skip("refused, as it should be")
        return model


class TestPerturbingMaps(MapTests):
    """The public suite on methods that ask for many answers, and on one model."""

    @pytest.fixture(params=PERTURBING)
    def method(self, request: pytest.FixtureRequest) -> Method:
        return METHODS[request.param]

    @pytest.fixture
    def model(self, opened_of: Opened) -> ExplainableModel:
        return opened_of("plain")

    def test_its_map_says_something(self, method: Method, model: ExplainableModel, tile_sample: np.ndarray) -> None:
        assert np.ptp(explain(model, tile_sample[0], method.name).map) > 0


def test_grad_cam_of_a_single_look_is_captums(opened_of: Opened, tiles: np.ndarray) -> None:
    model = opened_of("plain")
    network = model.network()
    images = network.preprocessing(torch.from_numpy(tiles))
    looked = torch.nn.Module()
    looked.network = network.network

    def odds(pixels: torch.Tensor) -> torch.Tensor:
        logits = network.network(pixels)[0] / network.temperature
        return logits[:, 1] - logits[:, 0]

    layer = network.network.get_submodule("features.block3")
    looked.forward = odds  # type: ignore[method-assign]
    cells = LayerGradCam(looked, layer).attribute(images.requires_grad_(), relu_attributions=False)
    rows, columns = cell_centres(network.network, 30, ["features.block3"])["features.block3"]
    expected = np.maximum(spread(cells[:, 0].detach().numpy(), rows, columns, 30, 30), 0)
    found = METHODS["gradcam"].make("features.block3").maps(model, tiles, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["plain", "logit-d4-half"])
def test_the_exact_map_adds_up_to_the_log_odds_over_all_looks(opened_of: Opened, tiles: np.ndarray, kind: str) -> None:
    model = opened_of(kind)
    for target in (0, 1):
        maps = METHODS["cam"].make(None).maps(model, tiles, target)
        sums = maps.sum((1, 2)) + constant_of(model, tiles, target)
        np.testing.assert_allclose(sums, model.log_odds(tiles, target), atol=2e-4)


def test_an_exact_map_is_refused_where_more_lies_between(opened_of: Opened) -> None:
    # At 30 px the last map of this ResNet with more than one cell is not the one that is pooled.
    assert "more than pooling and a linear layer" in str(why_not(opened_of("batch-norm-half"), METHODS["cam"]))
    assert "more than two classes" in str(why_not(opened_of("many-classes"), METHODS["cam"]))


def test_integrated_gradients_add_up_to_the_difference_from_the_blurred_tile(
    opened_of: Opened, tiles: np.ndarray
) -> None:
    model = opened_of("transformer")
    maps = METHODS["integrated-gradients"].make(None).maps(model, tiles, 1)
    expected = model.log_odds(tiles, 1) - model.log_odds(blurred(tiles), 1)
    np.testing.assert_allclose(maps.sum((1, 2)), expected, atol=0.02)


def test_attention_rollout_shares_out_at_most_one(opened_of: Opened, tiles: np.ndarray) -> None:
    sums = METHODS["attention-rollout"].make(None).maps(opened_of("transformer"), tiles, 1).sum((1, 2))
    assert ((sums > 0) & (sums <= 1 + 1e-5)).all()


def test_orientations_are_undone() -> None:
    maps = torch.rand(2, 1, 5, 5)
    back = turned_back(orientations(maps)[:, 0])
    for number in range(8):
        torch.testing.assert_close(back[number], maps[:, 0])


def test_a_wrong_layer_lists_those_there_are(opened_of: Opened) -> None:
    member = opened_of("plain").network()
    with pytest.raises(SentinodeError, match=r"no layer 'block9'.*features\.block1, .*features\.block3"):
        find_layer(member, "block9")
    assert list(layers_of(member).values())[-1] == (3, 3)


def test_where_the_pooled_map_is_one_cell_layercam_takes_the_finer_ones(opened_of: Opened, tiles: np.ndarray) -> None:
    model = opened_of("one-cell")
    assert model.deployed is not None
    there = layers_of(members_of(model.deployed)[0])
    last = find_layer(members_of(model.deployed)[0], None)
    assert last not in there
    found = METHODS["layercam"].make(None).maps(model, tiles, 1)
    assert found.shape == tiles.shape[:3]
    assert np.ptp(found) > 0


def test_a_map_of_the_truth_is_faithful_and_of_its_opposite_is_not(tiles: np.ndarray) -> None:
    """A model that sees nothing but sharp edges in the upper left corner."""
    generator = np.random.default_rng(1)
    tile = generator.integers(0, 256, (48, 48, 3), dtype=np.uint8)

    class Corner:
        def probabilities(self, images: np.ndarray) -> np.ndarray:
            seen = np.abs(np.diff(images[:, :16, :16].astype(float), axis=2)).mean((1, 2, 3)) / 100
            return np.stack([1 - seen, seen], axis=1).clip(0, 1).astype(np.float32)

    truth = np.zeros((48, 48), np.float32)
    truth[:16, :16] = 1
    examiner = Examiner(Corner())  # type: ignore[arg-type]
    good, bad = examiner.faithfulness(tile, truth, 1), examiner.faithfulness(tile, -truth, 1)
    assert good is not None
    assert bad is not None
    assert good.beaten == 8
    assert good.gain > 2 * good.spread > 0
    assert bad.gain < 0
    assert bad.beaten == 0
    assert good.deletion < good.insertion


@pytest.mark.parametrize("smoothness", SMOOTHNESS)
def test_random_orders_are_as_smooth_as_the_map(smoothness: float) -> None:
    fields = random_fields(12, 12, 20, smoothness, seed=9)
    maps = np.kron(fields, np.ones((8, 8))).astype(np.float32)
    found = [SMOOTHNESS.index(smoothness_of(map_)) for map_ in maps]
    assert abs(np.mean(found) - SMOOTHNESS.index(smoothness)) < 1


def test_chance_takes_a_tile_away_later_by_smooth_orders_than_by_scattered_ones() -> None:
    """Of a tile whose answer needs one whole part of it, wherever that lies: holes elsewhere leave it alone."""
    tile = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)

    def answers(images: np.ndarray) -> np.ndarray:
        edges = np.abs(np.diff(images.astype(float), axis=2)).mean(3)[:, :, :44]
        return edges.reshape(-1, 3, 16, 4, 11).mean((2, 4)).max((1, 2)) / 100

    areas = [np.mean(random_orders(answers, tile, 12, smoothness=smoothness).deletion) for smoothness in (0.0, 2.0)]
    assert areas[0] < areas[1]


def test_an_empty_map_passes_no_check(opened_of: Opened, tiles: np.ndarray) -> None:
    model = opened_of("plain")
    examiner, empty = Examiner(model), np.zeros((30, 30), np.float32)
    assert examiner.faithfulness(tiles[0], empty, 1) is None
    sanity = examiner.sanity(tiles[0], empty, "gradcam", 1, None)
    assert sanity is not None
    assert (sanity.likeness, sanity.passed) == (None, None)


def test_a_map_that_shuffled_weights_leave_empty_is_undetermined(opened_of: Opened, tiles: np.ndarray) -> None:
    model = opened_of("plain")

    class Nothing:
        def maps(self, _model: ExplainableModel, tiles: np.ndarray, _target: int) -> np.ndarray:
            return np.zeros(tiles.shape[:3], np.float32)

    known = METHODS["gradcam"]
    one = explain(model, tiles[0], "cam").map
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "gradcam", replace(known, make=lambda _layer: Nothing()))
        sanity = Examiner(model).sanity(tiles[0], one, "gradcam", 1, None)
    assert sanity is not None
    assert sanity.passed is None


def test_many_threads_get_what_one_gets(opened_of: Opened, tiles: np.ndarray) -> None:
    """Hooks of one thread must not gather what passes for another."""
    alone = {name: METHODS[name].make(None).maps(opened_of("logit-d4-half"), tiles, 1) for name in ("gradcam", "cam")}
    opened = opened_of("logit-d4-half")
    model = ExplainableModel(opened.info, opened.engine, opened.deployed, single_look=False)  # knows nothing yet

    def work(number: int) -> tuple[str, np.ndarray]:
        name = ("gradcam", "cam")[number % 2]
        if number % 3 == 0:
            model.randomised(number)
        return name, explain(model, tiles[number % 3], name).map

    with ThreadPoolExecutor(6) as pool:
        for number, (name, found) in enumerate(pool.map(work, range(18))):
            np.testing.assert_allclose(found, alone[name][number % 3], atol=1e-4 * np.abs(alone[name]).max())
    assert not any(module._forward_hooks for module in model.network().modules())


def test_shuffled_weights_change_the_map_and_leave_the_model_alone(opened_of: Opened, tiles: np.ndarray) -> None:
    model = opened_of("plain")
    before = model.probabilities(tiles)
    one = explain(model, tiles[0], "cam", examiner=Examiner(model))
    assert one.sanity is not None
    assert one.sanity.likeness is not None
    assert abs(one.sanity.likeness) < 0.99
    np.testing.assert_array_equal(model.probabilities(tiles), before)
    assert likeness(one.map, one.map) == pytest.approx(1)
    assert likeness(one.map, np.zeros_like(one.map)) is None


def test_pictures_and_the_class(opened_of: Opened, tiles: np.ndarray) -> None:
    one = explain(opened_of("plain"), tiles[0], "cam", "normal")
    assert one.target == "normal"
    assert one.probability == pytest.approx(opened_of("plain").probabilities(tiles[:1])[0, 0])
    assert one.overlay_png()[:4] == one.map_png()[:4] == b"\x89PNG"
    with pytest.raises(SentinodeError, match="no class 'fat'"):
        explain(opened_of("plain"), tiles[0], "gradcam", "fat")
    with pytest.raises(SentinodeError, match=r"no method 'shap'.*gradcam"):
        explain(opened_of("plain"), tiles[0], "shap")


def test_superpixels_cover_the_tile_without_gaps(tiles: np.ndarray) -> None:
    found = superpixels(tiles[0])
    assert found.shape == (30, 30)
    assert set(np.unique(found)) == set(range(found.max() + 1))
    assert superpixels(np.full((30, 30, 3), 200, np.uint8)).shape == (30, 30)
