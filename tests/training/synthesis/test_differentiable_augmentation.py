"""What a discriminator sees: each image changed by itself, and a gradient through all of it."""

import torch

from sentinode.training.synthesis import differentiable_augmentation
from sentinode.training.synthesis.differentiable_augmentation import augmented, turned


def test_the_gradient_comes_through_to_every_image() -> None:
    torch.manual_seed(0)
    images = torch.rand(4, 3, 16, 16, requires_grad=True)
    augmented(images).square().sum().backward()
    assert images.grad is not None
    assert ((images.grad != 0).any(dim=1).float().mean((1, 2)) > 0.5).all()


def test_an_image_moves_as_a_whole_and_grey_comes_in() -> None:
    torch.manual_seed(1)
    images = torch.arange(1.0, 257).view(1, 1, 16, 16).expand(30, 1, 16, 16)
    moved = differentiable_augmentation._moved(images)
    shifts = set()
    for one in moved[:, 0]:
        found = [
            (down, across)
            for down in range(-2, 3)
            for across in range(-2, 3)
            if torch.equal(one[2:-2, 2:-2], images[0, 0].roll((-down, -across), (0, 1))[2:-2, 2:-2])
        ]
        assert len(found) == 1
        shifts.add(found[0])
        inside = one != 0
        assert int(inside.sum()) == (16 - abs(found[0][0])) * (16 - abs(found[0][1]))
    assert len(shifts) > 8


def test_the_hole_has_half_the_side_and_may_lie_over_the_rim() -> None:
    torch.manual_seed(2)
    holes = (differentiable_augmentation._cut_out(torch.ones(200, 1, 16, 16)) == 0).sum((1, 2, 3))
    assert int(holes.max()) == 64
    assert 16 <= int(holes.min()) < 64


def test_colours_keep_an_image_and_differ_from_image_to_image() -> None:
    torch.manual_seed(3)
    image = torch.rand(1, 3, 8, 8).expand(5, 3, 8, 8)
    coloured = differentiable_augmentation._coloured(image)
    assert all(not torch.equal(coloured[0], other) for other in coloured[1:])
    grey = coloured.mean(1).flatten(1)
    together = torch.corrcoef(torch.cat([image[:1].mean(1).flatten(1), grey]))[0, 1:]
    assert (together > 0.999).all()


def test_turned_images_are_the_eight_orientations() -> None:
    torch.manual_seed(4)
    image = torch.arange(9.0).view(1, 1, 3, 3)
    found = {tuple(one.flatten().tolist()) for one in turned(image.expand(200, 1, 3, 3))}
    assert len(found) == 8
    assert tuple(image.rot90(1, (2, 3)).flatten().tolist()) in found
