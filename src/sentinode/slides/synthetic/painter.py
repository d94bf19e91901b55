"""Painting a drawn slide band by band: ground, then cells, then the light that comes through.

Every part is a function of the seed and of the place, so neighbouring bands fit together whatever their height.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from sentinode.slides.reader import Pixels
from sentinode.slides.synthetic import cells
from sentinode.slides.synthetic.cells import Array, CellBank
from sentinode.slides.synthetic.node import Anatomy, field_at, field_rows
from sentinode.slides.synthetic.scanner_stains import Stains

_HALO = 64  # px above and below a band: cells that reach into it, and those that decide which others are there
_TORUS = 1024
_CAPSULE_PX = 22.0
_WARP_PX = 12.0
"""By how much the grid of cells is bent, so that nobody sees its lines."""


@dataclass(frozen=True)
class _Layer:
    """Cells of one kind on a shaken hexagonal grid."""

    bank: CellBank
    spacing: float
    """px from one to the next."""
    number: int
    """Tells its random numbers from those of the other layers."""


class Painter:
    """Paints the rows of one slide of `width` paint pixels."""

    def __init__(self, anatomy: Anatomy, stains: Stains, width: int, seed: list[int]) -> None:
        """Draw what all rows share: the noises and the pictures of the cells."""
        self._anatomy, self._stains, self._width, self._seed = anatomy, stains, width, seed
        rng = np.random.default_rng([*seed, 1])
        self._noises = {scale: _noise(scale, rng) for scale in (0.7, 1.6, 4.0, 16.0)}
        self._grain = rng.standard_normal((_TORUS, _TORUS), dtype=np.float32)
        tumour = cells.TUMOURS[rng.integers(len(cells.TUMOURS))]
        kinds = (tumour, cells.CENTROCYTE, cells.HISTIOCYTE, cells.SPINDLE, cells.LYMPHOCYTE)
        spacings = (rng.uniform(12.5, 15), 9.4, 12.0, 11.0, 7.5)
        self._layers = [
            _Layer(cells.draw_bank(kind, rng), spacing, number)
            for number, (kind, spacing) in enumerate(zip(kinds, spacings, strict=True))
        ]
        self._adipocyte_px = rng.uniform(62, 85)

    def rows(self, start: int, stop: int) -> Pixels:
        """Rows `start` to `stop`: (stop - start, width, 3) uint8, RGB."""
        band = _Band(self, start - _HALO, stop + _HALO)
        for layer in self._layers:
            band.stamp(layer)
        density = np.tensordot(band.stain, self._stains.densities, ((0,), (0,)))
        density *= (1 + 0.06 * band.noise(16.0) + 0.75 * _soft(band.field("fold"), 14))[..., None]
        density += (_soft(band.field("pen") + 9 * band.noise(4.0), 14) * (1 + 0.1 * band.noise(16.0)))[
            ..., None
        ] * self._anatomy.ink
        light = ndimage.gaussian_filter(np.exp(-density), (0.5, 0.5, 0))[_HALO:-_HALO]
        light *= self._stains.background
        light += 1.6 * _wrapped(self._grain, start, stop, self._width)[..., None]
        return np.clip(np.rint(light), 0, 255).astype(np.uint8)

    def noise(self, scale: float, start: int, stop: int) -> Array:
        """Smooth noise of rows, mean 0 and standard deviation 1."""
        return _wrapped(self._noises[scale], start, stop, self._width)

    def field(self, name: str, start: int, stop: int) -> Array:
        """One of the anatomy's fields at the pixels of rows."""
        return field_rows(getattr(self._anatomy, name), start, stop, self._width)

    def points(self, layer: _Layer, start: int, stop: int) -> tuple[Array, Array, Array, Array]:
        """y, x, and two random numbers in [0, 1) of each of a layer's grid points in rows `start` to `stop`."""
        step = layer.spacing * 0.866
        first, last = int((start - 2 * _WARP_PX) // step), int((stop + 2 * _WARP_PX) // step) + 1
        count = int(self._width / layer.spacing) + 2
        found = []
        for row in range(first, last):
            rng = np.random.default_rng([*self._seed, 2, layer.number, row + 1_000_000])
            shaken = rng.normal(0, 0.19 * layer.spacing, (2, count))
            x = (np.arange(count) + 0.5 * (row & 1)) * layer.spacing + shaken[0]
            y = row * step + shaken[1]
            at = (y.astype(int) // 5 % _TORUS, x.astype(int) // 5 % _TORUS)  # five times as smooth: no crowding
            y += np.clip(_WARP_PX * self._noises[16.0][at], -2 * _WARP_PX, 2 * _WARP_PX)
            found.append(np.stack([y, x, *rng.random((2, count))]))
        points = np.concatenate(found, axis=1)
        inside = (points[0] >= start) & (points[0] < stop - 1) & (points[1] >= 0) & (points[1] < self._width - 1)
        y, x, choice, picture = points[:, inside]
        return y, x, choice, picture

    def share(self, layer: _Layer, y: Array, x: Array) -> Array:
        """(n,): the share of a layer's cells that is there, by the tissue at each place."""
        a = self._anatomy
        depth, follicle, sinus, tumour, fat = (
            field_at(f, y, x) for f in (a.depth, a.follicle, a.sinus, a.tumour, a.fat)
        )
        inside, lymph = depth > _CAPSULE_PX, (depth > _CAPSULE_PX) & (tumour <= 0)
        open_space = (sinus > 0) | (depth < _CAPSULE_PX + 30)
        if layer.number == 0:
            return np.where(tumour > 0, 0.97, 0)
        if layer.number == 1:
            return np.where(lymph, np.where(follicle > 0, 0.9, 0.05), 0)
        if layer.number == 2:
            return np.where(lymph, np.where(open_space, 0.3, 0.06), 0)
        if layer.number == 3:
            capsule = np.abs(depth - _CAPSULE_PX / 2) < _CAPSULE_PX / 2 + 2
            return np.where(capsule, 0.6, np.where((depth < 0) & (fat > 0), 0.02, 0.01 * inside))
        cloud = self._noises[16.0][y.astype(int) // 6 % _TORUS, x.astype(int) // 6 % _TORUS]
        dense = np.clip(0.88 + 0.12 * cloud, 0.4, 1)
        mantle = np.where(follicle > -70, 1.0, dense)
        packed = np.where(follicle > 0, 0.22, np.where(open_space, 0.18, mantle))
        return np.where(lymph, packed, np.where(inside, 0.07, 0))

    def ground(self, start: int, stop: int) -> Array:
        """(2, rows, width): concentrations of haematoxylin and eosin before there are cells."""

        def noise(scale: float) -> Array:
            return self.noise(scale, start, stop)

        def get(name: str) -> Array:
            return self.field(name, start, stop)

        depth: Array = get("depth") + 3 * noise(4.0)
        cloud: Array = 0.5 * noise(1.6) + 0.4 * noise(4.0)
        stain = np.zeros((2, stop - start, self._width), np.float32)
        fat = _soft(get("fat") - np.clip(depth, 0, None) * 3, 20) * (depth < _CAPSULE_PX)
        if fat.any():
            stain[1] = fat * self._fat(start, stop)
            stain[0] = 0.15 * stain[1]
        _cover(stain, _soft(depth - _CAPSULE_PX, 3), 0.07 + 0.02 * cloud, np.clip(0.28 * (1 + 0.5 * cloud), 0.02, None))
        capsule = _soft(_CAPSULE_PX / 2 + 1 - np.abs(depth - _CAPSULE_PX / 2), 3)
        _cover(stain, capsule, 0.06, np.clip(0.62 * (1 + 0.3 * noise(1.6) + 0.2 * noise(0.7)), 0.1, None))
        rim = 13 - np.abs(depth - _CAPSULE_PX - 15)
        lumen = np.maximum(rim, np.minimum(get("sinus"), depth - _CAPSULE_PX)) + 3 * noise(4.0)
        _cover(stain, 0.85 * _soft(lumen, 5), 0.01, 0.05 + 0.03 * np.clip(noise(1.6), 0, None))
        _cover(stain, 0.8 * _soft(get("follicle"), 12), 0.12, np.clip(0.36 * (1 + 0.4 * cloud), 0.02, None))
        tumour = _soft(get("tumour"), 5)
        _cover(stain, tumour, 0.1 + 0.03 * cloud, np.clip(0.4 * (1 + 0.4 * cloud), 0.02, None))
        return stain

    def _fat(self, start: int, stop: int) -> Array:
        """Eosin of the walls between fat cells: what lies between the nearest of scattered points and the second."""
        spacing = self._adipocyte_px
        rows = np.arange(int((start - 60) // spacing) - 2, int((stop + 60) // spacing) + 3)
        count = int(self._width / spacing) + 5
        y, x = [], []
        for row in rows:
            rng = np.random.default_rng([*self._seed, 3, int(row) + 1_000_000])
            shaken = rng.uniform(-0.3, 0.3, (2, count)) * spacing
            y.append(row * spacing + shaken[0])
            x.append((np.arange(count) - 2 + 0.5 * (row & 1)) * spacing + shaken[1])
        step = 2  # walls are smooth: half the points across and down are enough
        first = start - start % step
        at = np.mgrid[first : stop + step : step, 0 : self._width + step : step].astype(np.float32)
        bent = at + 2.5 * self._noises[16.0][at[0].astype(int) % _TORUS, at[1].astype(int) % _TORUS]
        tree = cKDTree(np.stack([np.concatenate(y), np.concatenate(x)], axis=1))
        near = np.asarray(tree.query(bent.reshape(2, -1).T, k=2)[0])
        gap = (near[:, 1] - near[:, 0]).reshape(at.shape[1:]).astype(np.float32)
        fine = ndimage.zoom(gap, step, order=1, grid_mode=True, mode="nearest")[start - first :][
            : stop - start, : self._width
        ]
        wall: Array = 0.55 * np.exp(-((fine / 3.2) ** 2)) * (1 + 0.3 * self.noise(1.6, start, stop))
        return np.clip(wall, 0, 1)


@dataclass
class _Band:
    """Rows in the making, with a halo."""

    painter: Painter
    start: int
    stop: int
    stain: Array = field(init=False)
    taken: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.stain = self.painter.ground(self.start, self.stop)
        self.taken = np.zeros(self.stain.shape[1:], bool)

    def noise(self, scale: float) -> Array:
        return self.painter.noise(scale, self.start, self.stop)

    def field(self, name: str) -> Array:
        return self.painter.field(name, self.start, self.stop)

    def stamp(self, layer: _Layer) -> None:
        """Put a layer's cells where the tissue has them and no larger cell is."""
        y, x, choice, picture = self.painter.points(layer, self.start, self.stop)
        there = choice < self.painter.share(layer, y, x)
        row, column = (y - self.start + 0.5).astype(int), (x + 0.5).astype(int)
        there &= ~self.taken[row, column]
        # Drawn in the order of a random number: row after row, cells that overlap would lie like roof tiles.
        order = np.argsort(picture[there], kind="stable")
        bank, half = layer.bank, layer.bank.size // 2
        kinds = (picture[there] * 1e6).astype(int) % len(bank.keep)
        top, left = row[there] - half, column[there] - half
        for index in order.tolist():
            self._put(bank, int(kinds[index]), int(top[index]), int(left[index]))

    def _put(self, bank: CellBank, kind: int, top: int, left: int) -> None:
        height, width = self.taken.shape
        up, cut = max(-top, 0), max(-left, 0)
        bottom, right = min(bank.size, height - top), min(bank.size, width - left)
        window = (slice(top + up, top + bottom), slice(left + cut, left + right))
        part = (slice(up, bottom), slice(cut, right))
        below = self.stain[:, window[0], window[1]]
        below *= bank.keep[kind, :, part[0], part[1]]
        below += bank.add[kind, :, part[0], part[1]]
        self.taken[window] |= bank.cell[kind][part]


def _noise(scale: float, rng: np.random.Generator) -> Array:
    smooth = ndimage.gaussian_filter(rng.standard_normal((_TORUS, _TORUS), dtype=np.float32), scale, mode="wrap")
    standard: Array = (smooth / smooth.std()).astype(np.float32)
    return standard


def _wrapped(torus: Array, start: int, stop: int, width: int) -> Array:
    return torus[np.arange(start, stop)[:, None] % _TORUS, np.arange(width)[None] % _TORUS]


def _cover(stain: Array, alpha: Array, haematoxylin: Array | float, eosin: Array | float) -> None:
    for layer, value in ((cells.HAEMATOXYLIN, haematoxylin), (cells.EOSIN, eosin)):
        stain[layer] += alpha * (value - stain[layer])


def _soft(values: Array, width: float) -> Array:
    """0 to 1 across `width` around zero."""
    share: Array = np.clip(values / np.float32(width) + np.float32(0.5), 0, 1)
    return share
