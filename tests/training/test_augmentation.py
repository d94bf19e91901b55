import math

import pytest
import torch
from torch import Tensor

from sentinode.training.augmentation import Augmentation
from sentinode.training.training_config import AugmentationConfig


def tiles(count: int = 64, height: int = 12, width: int = 12) -> Tensor:
    return torch.randint(0, 256, (count, height, width, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


def augment(images: Tensor, seed: int = 0, **amounts: float | bool) -> Tensor:
    torch.manual_seed(seed)
    return Augmentation(AugmentationConfig(**{"flips": False, **amounts}))(images)


def symmetries(image: Tensor, names: str) -> set[bytes]:
    """The images that flips ("f"), quarter turns ("q") or both of one image can give."""
    turns = range(4) if "q" in names else range(1)
    turned = [torch.rot90(image, turn, (0, 1)) for turn in turns]
    mirrors = [[], [0], [1], [0, 1]] if "f" in names else [[]]
    return {one.flip(axes).contiguous().numpy().tobytes() for one in turned for axes in mirrors}


def test_nothing_on_changes_nothing() -> None:
    images = tiles(height=9, width=14)
    assert torch.equal(augment(images), images.float())


@pytest.mark.parametrize(
    ("options", "names", "count"),
    [
        ({"flips": True}, "f", 4),
        ({"quarter_turns": True}, "q", 4),
        ({"flips": True, "quarter_turns": True}, "fq", 8),
    ],
)
def test_symmetries_are_the_named_ones_and_all_occur(options: dict[str, bool], names: str, count: int) -> None:
    image = tiles(1)[0]
    out = augment(image.expand(256, -1, -1, -1), **options).to(torch.uint8)
    seen = {one.contiguous().numpy().tobytes() for one in out}
    assert seen == symmetries(image, names)
    assert len(seen) == count


def test_flips_keep_an_image_that_is_not_square() -> None:
    images = tiles(height=9, width=14)
    out = augment(images, flips=True).to(torch.uint8)
    for before, after in zip(images, out, strict=True):
        assert after.contiguous().numpy().tobytes() in symmetries(before, "f")


def test_every_image_gets_its_own_draw() -> None:
    image = tiles(1)
    for options in (
        {"rotation": 15},
        {"brightness": 0.3},
        {"contrast": 0.3},
        {"saturation": 0.3},
        {"hue": 0.1},
        {"stain": 0.2},
    ):
        out = augment(image.expand(8, -1, -1, -1), **options)
        assert len({one.contiguous().numpy().tobytes() for one in out}) == 8, options


def test_the_same_seed_gives_the_same_images() -> None:
    options = {"flips": True, "quarter_turns": True, "rotation": 10, "stain": 0.1, "hue": 0.05, "contrast": 0.2}
    assert torch.equal(augment(tiles(), seed=3, **options), augment(tiles(), seed=3, **options))
    assert not torch.equal(augment(tiles(), seed=3, **options), augment(tiles(), seed=4, **options))


def test_values_stay_in_range() -> None:
    out = augment(tiles(), brightness=0.9, contrast=0.9, saturation=0.9, hue=0.5, stain=0.9)
    assert out.min() >= 0
    assert out.max() <= 255
    assert torch.isfinite(out).all()


def test_rotation_by_its_angle_moves_a_spot_along_the_circle() -> None:
    height, width = 41, 61
    image = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    image[0, 17:24, 47:54] = 255  # centred 20 px to the right of the middle
    out = augment(image.expand(64, -1, -1, -1), rotation=30)[..., 0]
    rows, columns = torch.meshgrid(torch.arange(height) - 20.0, torch.arange(width) - 30.0, indexing="ij")
    mass = out.sum((1, 2))
    y, x = (out * rows).sum((1, 2)) / mass, (out * columns).sum((1, 2)) / mass
    # A turn keeps the distance from the centre, also where the image is not square, and stays within ±30°.
    assert torch.allclose(torch.hypot(x, y), torch.tensor(20.0), atol=0.3)
    angle = torch.rad2deg(torch.atan2(y, x))
    assert angle.abs().max() <= 30.5
    assert angle.std() > 10


def test_brightness_scales_and_contrast_keeps_the_mean_grey() -> None:
    images = (tiles() // 4 + 96).to(torch.uint8)  # far from the ends, so that nothing is clipped
    ratio = augment(images, brightness=0.2) / images.float()
    assert torch.allclose(ratio.amax((1, 2, 3)), ratio.amin((1, 2, 3)), atol=1e-4)
    luma = torch.tensor([0.299, 0.587, 0.114])
    before, after = ((x.float() @ luma).mean((1, 2)) for x in (images, augment(images, contrast=0.3)))
    assert torch.allclose(before, after, atol=1e-2)


def test_hue_and_saturation_leave_grey_alone() -> None:
    grey = tiles()[..., :1].expand(-1, -1, -1, 3).contiguous()
    assert torch.allclose(augment(grey, hue=0.5, saturation=0.9), grey.float(), atol=0.2)


def test_stain_jitter_scales_tissue_and_hardly_moves_glass() -> None:
    glass = torch.full((64, 4, 4, 3), 255, dtype=torch.uint8)
    tissue = torch.tensor([110, 50, 130], dtype=torch.uint8).expand(64, 4, 4, 3)
    # White has no stain to scale: only the shift moves it, by a quarter of the strength in optical density at most.
    densities = Augmentation(AugmentationConfig(stain=0.2)).stains.sum(dim=0)
    assert augment(glass, stain=0.2).min() >= 256 * math.exp(-0.05 * densities.max().item()) - 1.01
    spread = {name: augment(x, stain=0.2).std(dim=0).mean() for name, x in {"glass": glass, "tissue": tissue}.items()}
    assert spread["tissue"] > 1.5 * spread["glass"]
