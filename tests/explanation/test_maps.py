"""What every method promises, and what each is held against."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

from sentinode.core.errors import SentinodeError
from sentinode.explanation.class_activation import constant_of
from sentinode.explanation.explaining import Examiner, explain, likeness
from sentinode.explanation.layers import find_layer, layers_of
from sentinode.explanation.methods import METHODS, method_of, why_not
from sentinode.explanation.opened import OpenedModel
from sentinode.explanation.perturbing import superpixels
from sentinode.explanation.reference import blurred
from sentinode.explanation.spreading import spread, spread_matrix, turned_back
from sentinode.models.deployed import orientations

Opened = Callable[[str], OpenedModel]


@pytest.mark.parametrize("kind", ["plain", "many-classes", "logit-d4-half", "transformer"])
@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("lime", "occlusion")])
def test_a_method_gives_the_same_finite_map_each_time(
    opened_of: Opened, tiles: np.ndarray, kind: str, name: str
) -> None:
    model = opened_of(kind)
    if why_not(model, name):
        with pytest.raises(SentinodeError, match=r"can't explain .*; use gradcam"):
            method_of(model, name)
        return
    explainer = METHODS[name].make(None)
    maps = explainer.maps(model, tiles, 0)
    assert (maps.shape, maps.dtype) == (tiles.shape[:3], np.float32)
    assert np.isfinite(maps).all()
    assert explainer.signed or maps.min() >= 0
    again = METHODS[name].make(None).maps(model, tiles[1:2], 0)
    np.testing.assert_allclose(again[0], maps[1], atol=1e-4 * max(1e-3, np.abs(maps).max()))


@pytest.mark.parametrize("name", ["occlusion", "lime"])
def test_methods_that_perturb_are_repeatable_and_find_what_matters(
    opened_of: Opened, tiles: np.ndarray, name: str
) -> None:
    one = explain(opened_of("plain"), tiles[0], name)
    two = explain(opened_of("plain"), tiles[0], name)
    np.testing.assert_array_equal(one.map, two.map)
    assert np.ptp(one.map) > 0


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
    expected = np.maximum(spread(cells[:, 0].detach().numpy(), 30, 30), 0)
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
    assert "more than pooling and a linear layer" in str(why_not(opened_of("batch-norm-half"), "cam"))
    assert "more than two classes" in str(why_not(opened_of("many-classes"), "cam"))


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


@pytest.mark.parametrize(("cells", "pixels"), [(5, 96), (7, 30), (3, 3), (11, 96)])
def test_spreading_keeps_sums_and_even_maps(cells: int, pixels: int) -> None:
    matrix = spread_matrix(cells, pixels)
    np.testing.assert_allclose(matrix.sum(0), 1)
    np.testing.assert_allclose(matrix.sum(1), cells / pixels, rtol=0.05)


def test_a_wrong_layer_lists_those_there_are(opened_of: Opened) -> None:
    member = opened_of("plain").network()
    with pytest.raises(SentinodeError, match=r"no layer 'block9'.*features\.block1, .*features\.block3"):
        find_layer(member, "block9")
    assert list(layers_of(member).values())[-1] == (3, 3)


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
    assert good.beaten == 6
    assert good.gain > 3 * good.spread > 0
    assert bad.gain < 0
    assert bad.beaten == 0
    assert good.deletion < good.insertion


def test_shuffled_weights_change_the_map_and_leave_the_model_alone(opened_of: Opened, tiles: np.ndarray) -> None:
    model = opened_of("plain")
    before = model.probabilities(tiles)
    one = explain(model, tiles[0], "cam", examiner=Examiner(model))
    assert one.sanity is not None
    assert abs(one.sanity.likeness) < 0.99
    np.testing.assert_array_equal(model.probabilities(tiles), before)
    assert likeness(one.map, one.map) == pytest.approx(1)
    assert likeness(one.map, np.zeros_like(one.map)) == 0


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
