"""The generator: its layers against plain ones, that it knows no place, and its file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from sentinode.core.errors import WeightsError
from sentinode.training.synthesis.generator import (
    Generator,
    GeneratorShape,
    ModulatedConv,
    Noise,
    draw_images,
    draw_noise,
)
from sentinode.training.synthesis.generator_file import FinishedGenerator, read_generator, write_generator

_SHAPE = GeneratorShape(side=48, classes=2, channels=4, latent_size=8)


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(_SHAPE).eval()


def test_maps_scaled_by_a_style_are_weights_scaled_by_it() -> None:
    torch.manual_seed(1)
    layer = ModulatedConv(5, 7, 6, kernel=3)
    maps, styles = torch.randn(3, 5, 8, 8), torch.randn(3, 6)
    found = layer(maps, styles)
    for number in range(3):
        scaled = layer.weight * layer.scale * layer.style(styles[number : number + 1])[0][None, :, None, None]
        scaled = scaled / (scaled.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        around = functional.pad(maps[number : number + 1], [1] * 4, mode="circular")
        torch.testing.assert_close(found[number], functional.conv2d(around, scaled)[0], atol=1e-5, rtol=1e-4)


def test_it_knows_no_place_and_moves_what_its_noise_moves(generator: Generator) -> None:
    torch.manual_seed(2)
    noise, classes = draw_noise(_SHAPE, 2), torch.tensor([0, 1])
    factors = [side // _SHAPE.sides[0] for side in _SHAPE.sides]
    moved = Noise(noise.latent, [maps.roll(factor, 3) for maps, factor in zip(noise.maps, factors, strict=True)])
    torch.testing.assert_close(generator(moved, classes), generator(noise, classes).roll(16, 3), atol=1e-4, rtol=1e-3)


def test_noise_class_and_vector_all_change_what_is_drawn(generator: Generator) -> None:
    noise, other = draw_noise(_SHAPE, 1), draw_noise(_SHAPE, 1)
    zero = torch.tensor([0])
    asked = [(noise, zero), (noise, torch.tensor([1])), (Noise(other.latent, noise.maps), zero),
             (Noise(noise.latent, other.maps), zero)]  # fmt: skip
    with torch.no_grad():
        drawn, *changed = (generator(*each) for each in asked)
    assert all(float((each - drawn).abs().mean()) > 0.05 for each in changed)


def test_it_begins_with_the_colours_of_the_real_images(generator: Generator) -> None:
    torch.manual_seed(3)
    real = torch.tensor([0.3, -0.5, 0.1])[:, None, None] + torch.randn(40, 3, 16, 16)
    real[:, 1] = real[:, 0] * 0.5 - 0.5
    generator.take_colours(real)
    with torch.no_grad():
        drawn = generator(draw_noise(_SHAPE, 40), torch.zeros(40, dtype=torch.long))
    torch.testing.assert_close(drawn.mean((0, 2, 3)), real.mean((0, 2, 3)), atol=0.3, rtol=0)
    together = torch.corrcoef(drawn.permute(1, 0, 2, 3).reshape(3, -1))
    assert float(together[0, 1]) > 0.99  # the second channel follows the first


def test_images_are_those_of_the_seed_however_many_are_drawn(generator: Generator) -> None:
    classes = np.arange(70) % 2
    many = draw_images(generator, classes, seed=3)
    assert many.shape == (70, 48, 48, 3)
    assert many.dtype == np.uint8
    np.testing.assert_array_equal(draw_images(generator, classes[:5], seed=3), many[:5])
    assert (draw_images(generator, classes[:5], seed=4) != many[:5]).any()


def test_a_file_gives_the_same_generator_and_a_damaged_one_is_refused(generator: Generator, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    write_generator(FinishedGenerator(generator, ("normal", "tumour"), "abc", 0.5), path)
    found = read_generator(path)
    assert (found.class_names, found.data_sha256, found.mpp) == (("normal", "tumour"), "abc", 0.5)
    drawn, classes = found.draw(6, seed=1)
    np.testing.assert_array_equal(drawn, draw_images(generator, classes, seed=1))
    assert classes.tolist() == [0, 1] * 3
    written = path.read_bytes()
    path.write_bytes(written[: len(written) // 2])
    with pytest.raises(WeightsError, match="is no generator of this version"):
        read_generator(path)
    with pytest.raises(WeightsError, match="there is no generator"):
        read_generator(tmp_path / "none")
