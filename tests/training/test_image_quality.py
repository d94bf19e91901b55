import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sentinode.training.augmentation import Augmentation
from sentinode.training.image_quality import compress, vary_focus
from sentinode.training.training_config import AugmentationConfig


def scene(count: int, height: int, width: int) -> Tensor:
    """Smooth colours with an edge, noise on top: (count, height, width, 3) float in [0, 255]."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 9 + k) + np.cos(y / (7 + k)) for k in range(3)], axis=-1) * 45 + 128
    waves[y > x] -= 35
    return torch.from_numpy(
        np.clip(waves + rng.normal(0, 8, (count, height, width, 3)), 0, 255).astype(np.uint8)
    ).float()


@pytest.mark.parametrize("quality", [50, 70, 80, 95])
@pytest.mark.parametrize(("height", "width"), [(48, 64), (41, 55)])
def test_compression_is_that_of_an_encoder(quality: int, height: int, width: int) -> None:
    images = scene(3, height, width)
    ours = compress(images, torch.full((3,), float(quality)))
    for before, after in zip(images, ours, strict=True):
        file = io.BytesIO()
        Image.fromarray(before.numpy().astype(np.uint8)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        theirs = torch.from_numpy(np.array(Image.open(file))).float()
        # Encoders round every stage to whole numbers; ours does not.
        assert (after - theirs).abs().mean() < 0.3 * (theirs - before).abs().mean()


def test_compression_draws_a_quality_for_each_image() -> None:
    images = scene(1, 32, 32).expand(12, -1, -1, -1)
    torch.manual_seed(0)
    loss = (compress(images) - images).abs().mean((1, 2, 3))
    assert len({round(value.item(), 4) for value in loss}) > 8
    worst, best = (
        (compress(images[:1], torch.tensor([quality])) - images[:1]).abs().mean() for quality in (49.0, 96.0)
    )
    assert (loss < worst).all()
    assert (loss > best).all()


def test_focus_keeps_the_mean_and_moves_by_part_of_a_pixel() -> None:
    size = 31
    image = torch.zeros(1, size, size, 3)
    image[0, 15, 15] = 255.0
    torch.manual_seed(0)
    out = vary_focus(image.expand(200, -1, -1, -1), 0.5)[..., 0]
    place = torch.arange(size) - 15.0
    blurred = out.sum((1, 2)) <= 255.01  # a sharpened spot loses what falls below black
    assert 20 < blurred.sum() < 200
    mass = out.sum((1, 2))
    for axis in (1, 2):
        shift = (out.sum(axis) * place).sum(1) / mass
        assert shift[blurred].abs().max() <= 0.26
        assert shift.std() > 0.05
    flat = torch.full((5, 9, 14, 3), 77.0)
    assert torch.allclose(vary_focus(flat, 0.5), flat, atol=1e-3)


def test_focus_blurs_up_to_its_strength_and_sharpens_a_quarter_of_it() -> None:
    edge = torch.zeros(400, 4, 8, 3) + 50
    edge[:, :, 4:] = 150
    torch.manual_seed(1)
    step = vary_focus(edge, 0.4)[:, 2, :, 0]
    across = step[:, 4] - step[:, 3]  # 100 · (1 − blur): both neighbours of the edge take half a blur from each other
    assert 60 - 0.1 <= across.min() < 66
    assert 107 < across.max() <= 110 + 0.1


def test_as_augmentation_half_of_the_images_stay_as_they_are() -> None:
    images = scene(400, 16, 16).to(torch.uint8)
    torch.manual_seed(0)
    for options, part in (({"focus": 0.3}, 0.5), ({"jpeg": 0.25}, 0.75), ({"jpeg": 1.0}, 0.0)):
        out = Augmentation(AugmentationConfig(flips=False, **options))(images)
        same = (out == images.float()).all(dim=(1, 2, 3)).float().mean().item()
        assert same == pytest.approx(part, abs=0.08)
        assert out.min() >= 0
        assert out.max() <= 255
