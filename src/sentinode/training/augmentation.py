"""Augmentation of whole batches on their device. Every image in a batch gets its own draw.

The colour operations before clipping are affine in RGB (brightness, contrast, saturation, hue), so their composition
is one 3×3 matrix and an offset for each image, and costs one pass over the batch however many of them are on.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentinode.training.appearances import Appearances
from sentinode.training.image_quality import blur, compress, vary_focus
from sentinode.training.training_config import AugmentationConfig

# Rows: optical density of haematoxylin, eosin and the residual in R, G, B (Ruifrok and Johnston 2001).
_STAINS = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_PAIRS = 5
"""Dimensions of tiles with their context."""
_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


class Augmentation(nn.Module):
    """Draws and applies the transformations that an `AugmentationConfig` names.

    Randomness comes from torch's global generator of the batch's device, which the training module seeds for each
    epoch: the same seed, epoch and order of batches give the same images.
    """

    luma: Tensor
    to_yiq: Tensor
    from_yiq: Tensor
    stains: Tensor
    to_stains: Tensor
    transfers: Tensor | None
    shares: Tensor | None

    def __init__(self, config: AugmentationConfig, appearances: Appearances | None = None) -> None:
        """Args: `appearances` of the training data, needed where `config.appearance` is above 0."""
        super().__init__()
        self.config = config
        for name, table in (("transfers", "transfers"), ("shares", "weights")):
            value = None if appearances is None else torch.from_numpy(getattr(appearances, table))
            self.register_buffer(name, value, persistent=False)
        yiq = torch.tensor(_TO_YIQ)
        stains = functional.normalize(torch.tensor(_STAINS), dim=1)
        for name, value in {
            "luma": torch.tensor(_LUMA),
            "to_yiq": yiq,
            "from_yiq": torch.linalg.inv(yiq),
            "stains": stains,
            "to_stains": torch.linalg.inv(stains),
        }.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, tiles: Tensor, appearance: Tensor | None = None) -> Tensor:
        """Augment a batch.

        Args:
            tiles: (N, H, W, 3) uint8, RGB. Quarter turns need H = W. With context (N, 2, H, W, 3), see `core.context`:
                both parts are turned and coloured by one draw. Blur, focus and JPEG are of the tile alone, since a
                pixel of the context is the mean of sixteen, which leaves little of them.
            appearance: (N,) int64, which of the appearances each has; None: not known, and left as it is.

        Returns:
            The same shape, float32 in [0, 255].
        """
        images = self._symmetries(tiles).float()
        if self.config.rotation or self.config.scale:
            images = self._turn(images)
        if images.ndim != _PAIRS:
            return self._degrade(self._recolour(images, appearance))
        # One image to what sees colours: both parts get one draw.
        joined = self._recolour(images.flatten(1, 2), appearance).reshape(images.shape)
        return torch.stack([self._degrade(joined[:, 0]), joined[:, 1]], dim=1)

    def _recolour(self, images: Tensor, appearance: Tensor | None) -> Tensor:
        config = self.config
        if config.appearance and appearance is not None and self.transfers is not None:
            images = self._change_appearance(images, appearance, self.transfers)
        if config.stain:
            images = self._jitter_stains(images)
        if config.brightness or config.contrast or config.saturation or config.hue:
            images = self._jitter_colours(images)
        images = images.clamp_(0, 255)
        if config.gamma:
            images = self._change_gamma(images)
        return images

    def _degrade(self, images: Tensor) -> Tensor:
        """What optics and files do."""
        config = self.config
        if config.blur:
            images = self._some(0.5, images, lambda chosen: blur(chosen, config.blur))
        if config.focus:
            images = self._some(0.5, images, lambda chosen: vary_focus(chosen, config.focus))
        if config.jpeg:
            # Last, as in a file.
            images = self._some(config.jpeg, images, lambda chosen: compress(chosen, lowest=config.jpeg_quality))
        return images

    def _symmetries(self, tiles: Tensor) -> Tensor:
        config = self.config
        if not (config.flips or config.quarter_turns):
            return tiles
        count = len(tiles)
        flip_x, flip_y = (self._coin(count, tiles.device) if config.flips else _never(count, tiles) for _ in range(2))
        # A half turn is both flips, so one more coin, the transposition, completes the eight symmetries of the square.
        transpose = self._coin(count, tiles.device) if config.quarter_turns else _never(count, tiles)
        if config.quarter_turns and not config.flips:
            # Turns alone keep the handedness: a transposition must go with exactly one flip.
            half_turn = self._coin(count, tiles.device)
            flip_x, flip_y = half_turn ^ transpose, half_turn
        out = torch.empty_like(tiles)
        code = flip_x.long() + 2 * flip_y.long() + 4 * transpose.long()
        for value in range(8):
            chosen = (code == value).nonzero()[:, 0]
            if not len(chosen):
                continue
            some = tiles[chosen]
            if value & 4:
                some = some.transpose(-3, -2)
            axes = [axis for bit, axis in ((1, -2), (2, -3)) if value & bit]
            out[chosen] = some.flip(axes) if axes else some
        return out

    def _turn(self, images: Tensor) -> Tensor:
        """Turn by any angle and magnify, in one resampling."""
        if images.ndim == _PAIRS:
            twice = (draw.repeat_interleave(2) for draw in self._turns(images))
            return self._turned(images.flatten(0, 1), *twice).reshape(images.shape)
        return self._turned(images, *self._turns(images))

    def _turns(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """For each image an angle in radians, and how many pixels become one."""
        count = len(images)
        angle = self._uniform(count, images.device) * math.radians(self.config.rotation)
        return angle, torch.exp(self._uniform(count, images.device) * math.log(1 + self.config.scale))

    @staticmethod
    def _turned(images: Tensor, angle: Tensor, shrink: Tensor) -> Tensor:
        count, height, width, _ = images.shape
        cos, sin = angle.cos() * shrink, angle.sin() * shrink
        zero = torch.zeros_like(cos)
        # grid_sample's coordinates run from -1 to 1 on both axes, so an image that is not square needs its aspect.
        rows = [cos, -sin * height / width, zero, sin * width / height, cos, zero]
        affine = torch.stack(rows, dim=1).view(count, 2, 3)
        grid = functional.affine_grid(affine, [count, 3, height, width], align_corners=False)
        planes = images.permute(0, 3, 1, 2)
        turned = functional.grid_sample(planes, grid, "bilinear", padding_mode="reflection", align_corners=False)
        return turned.permute(0, 2, 3, 1)

    def _jitter_stains(self, images: Tensor) -> Tensor:
        """Scale and shift each stain, in optical density (Tellez et al. 2018, doi:10.1109/TMI.2018.2820199)."""
        count = len(images)
        strength = self.config.stain
        density = images.add(1).div_(256).log_().neg_()
        scale = 1 + strength * self._uniform(count, images.device, 1, 3)
        # A shift of the whole image's stain changes what is white too: kept to a quarter of the scale's strength.
        shift = strength / 4 * self._uniform(count, images.device, 1, 3)
        mix = self.to_stains @ (scale.transpose(1, 2) * self.stains)
        jittered = torch.baddbmm(shift @ self.stains, density.reshape(count, -1, 3), mix)
        return jittered.neg_().exp_().mul_(256).sub_(1).view(images.shape)

    def _change_appearance(self, images: Tensor, appearance: Tensor, transfers: Tensor) -> Tensor:
        """Give a part of the images the stain of an appearance that is drawn for each."""
        assert self.shares is not None
        count = len(images)
        target = torch.multinomial(self.shares, count, replacement=True)
        kept = torch.rand(count, device=images.device) >= self.config.appearance
        maps = transfers[appearance, torch.where(kept, appearance, target)]  # to its own: the identity
        density = images.add(1).div_(256).log_().neg_()
        changed = torch.bmm(density.reshape(count, -1, 3), maps)  # symmetric, so from either side
        return changed.neg_().exp_().mul_(256).sub_(1).view(images.shape)

    def _change_gamma(self, images: Tensor) -> Tensor:
        power = torch.exp(self._uniform(len(images), images.device, 1, 1, 1) * math.log(1 + self.config.gamma))
        return images.div(255).pow(power).mul(255)

    def _jitter_colours(self, images: Tensor) -> Tensor:
        config, device = self.config, images.device
        count = len(images)
        brightness, contrast, saturation = (
            1 + amount * self._uniform(count, device, 1, 1)
            for amount in (config.brightness, config.contrast, config.saturation)
        )
        identity = torch.eye(3, device=device)
        grey = self.luma.view(3, 1).expand(3, 3)
        matrix = (saturation * identity + (1 - saturation) * grey) * contrast * brightness
        if config.hue:
            matrix = matrix @ self._hue_matrix(count, device)
        pixels = images.reshape(count, -1, 3)
        mean_grey = pixels.mean(dim=1, keepdim=True) @ self.luma.view(3, 1)
        offset = (mean_grey * (1 - contrast) * brightness).expand(count, 1, 3)
        return torch.baddbmm(offset, pixels, matrix).view(images.shape)

    def _hue_matrix(self, count: int, device: torch.device) -> Tensor:
        """A turn of the chroma plane of YIQ for each image: (count, 3, 3), to be applied from the right."""
        angle = self._uniform(count, device) * (2 * math.pi * self.config.hue)
        cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
        turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).view(count, 3, 3)
        return (self.from_yiq @ turn @ self.to_yiq).transpose(1, 2)

    @staticmethod
    def _some(part: float, images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """`images` with about this part of them changed."""
        chosen = (torch.rand(len(images), device=images.device) < part).nonzero()[:, 0]
        return images.index_copy(0, chosen, change(images[chosen])) if len(chosen) else images

    @staticmethod
    def _coin(count: int, device: torch.device) -> Tensor:
        return torch.rand(count, device=device) < 0.5

    @staticmethod
    def _uniform(count: int, device: torch.device, *shape: int) -> Tensor:
        """Draws between -1 and 1, for each of `count` images one or `shape` of them."""
        return torch.rand(count, *shape, device=device) * 2 - 1


def _never(count: int, like: Tensor) -> Tensor:
    return torch.zeros(count, dtype=torch.bool, device=like.device)
