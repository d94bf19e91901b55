"""Synthetic lymph-node tissue as concentrations of haematoxylin and eosin: lymphoid tissue, fat, stroma, tumour nests.

A patch is a scene drawn back to front on a canvas with a margin: the ground (matrix, fibres, fat), then cells. What is
drawn depends on the generator that is passed in and on nothing else, so a patch can be drawn at any time, in any order.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from sentinode.slides.synthetic import cells
from sentinode.slides.synthetic.cells import Array, CellBank

PATCH = 96
"""Height and width of a patch in pixels."""
MARGIN = 12
"""Pixels drawn and cut off on each side, so that cells at the border are cut as a microscope's field cuts them."""
CENTRE = slice(MARGIN + 32, MARGIN + 64)
"""The central 32 px in canvas coordinates: tumour here makes a patch positive, as in PatchCamelyon."""

SIZE = PATCH + 2 * MARGIN
"""Height and width of the canvas in pixels."""
Y, X = (axis.astype(np.float32) for axis in np.mgrid[:SIZE, :SIZE])
CENTRE_DISTANCE: Array = np.maximum(abs(Y - SIZE / 2 + 0.5), abs(X - SIZE / 2 + 0.5)) - 15.5
"""Pixels from the central square, negative inside."""
_TILE = 256
_NOISE_SCALES = (0.7, 1.6, 4.0, 9.0, 16.0)


@dataclass(frozen=True)
class Kit:
    """What all patches of a data set are drawn with: cells, and noise of several scales on a torus."""

    noises: dict[float, Array]
    lymphocyte: CellBank
    centrocyte: CellBank
    histiocyte: CellBank
    spindle: CellBank
    endothelium: CellBank
    tumours: tuple[CellBank, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Kit":
        """Draw the kit (about a tenth of a second)."""
        noises = {scale: _noise_tile(scale, rng) for scale in _NOISE_SCALES}
        lymphocyte, centrocyte, histiocyte, spindle, endothelium, *tumours = (
            cells.draw_bank(kind, rng)
            for kind in (
                cells.LYMPHOCYTE,
                cells.CENTROCYTE,
                cells.HISTIOCYTE,
                cells.SPINDLE,
                cells.ENDOTHELIUM,
                *cells.TUMOURS,
            )
        )
        return cls(noises, lymphocyte, centrocyte, histiocyte, spindle, endothelium, tuple(tumours))


def _noise_tile(scale: float, rng: np.random.Generator) -> Array:
    noise = gaussian_filter(rng.standard_normal((_TILE, _TILE)), scale, mode="wrap")
    standard: Array = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return standard


@dataclass
class Canvas:
    """A patch in the making, with its margin; `tumour` is where tumour nuclei are."""

    kit: Kit
    rng: np.random.Generator
    tumour_type: int
    crowding: float
    """The slide's own density of lymphocytes, about 1."""
    tumour_spacing: float
    """Pixels from a tumour nucleus to the next."""
    stains: Array = field(default_factory=lambda: np.zeros((2, SIZE, SIZE), np.float32))
    tumour: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((SIZE, SIZE), np.bool_))
    occupied: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((SIZE, SIZE), np.bool_))

    @property
    def tumour_mask(self) -> NDArray[np.bool_]:
        """Where the patch, without its margin, has tumour nuclei."""
        return self.tumour[MARGIN:-MARGIN, MARGIN:-MARGIN]

    def noise(self, scale: float) -> Array:
        """Smooth noise (canvas size), mean 0 and standard deviation 1, of about `scale` pixels."""
        tile = self.kit.noises[scale]
        y, x = self.rng.integers(0, _TILE - SIZE, 2)
        return tile[y : y + SIZE, x : x + SIZE]

    def cover(self, alpha: Array | float, haematoxylin: Array | float, eosin: Array | float) -> None:
        """Lay a ground of the two concentrations over what is there; `alpha` 1 hides it."""
        for layer, value in ((cells.HAEMATOXYLIN, haematoxylin), (cells.EOSIN, eosin)):
            self.stains[layer] += alpha * (value - self.stains[layer])

    def scatter(self, spacing: float, jitter: float = 0.17) -> NDArray[np.float32]:
        """(n, 2) points (y, x), about `spacing` pixels apart and irregular: a turned, shaken hexagonal grid."""
        steps = int(SIZE * 0.75 / spacing) + 2
        row, column = np.mgrid[-steps : steps + 1, -steps : steps + 1].reshape(2, -1)
        grid = np.stack([row * 0.866, column + 0.5 * (row & 1)]) + self.rng.normal(0, jitter, (2, row.size))
        angle = self.rng.uniform(0, np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (turn @ grid * spacing + SIZE / 2).T
        points = points[((points > 0) & (points < SIZE - 1)).all(1)].astype(np.float32)
        return self.rng.permutation(points)  # drawn in order, overlapping cells would lie like roof tiles

    def stamp(
        self, bank: CellBank, points: NDArray[np.float32], *, tumour: bool = False, along: float | None = None
    ) -> None:
        """Put a cell of `bank` at each of the (n, 2) points, cut off where it leaves the canvas.

        `along` is a direction in radians that the cells lie in, give or take 20°.
        """
        size, half = bank.size, bank.size // 2
        pictures = np.arange(len(bank.keep)) if along is None else np.flatnonzero(np.cos(bank.turn - along) ** 2 > 0.88)
        choice = self.rng.choice(pictures, len(points)).tolist()
        for (y, x), k in zip((points + 0.5).astype(int) - half, choice, strict=True):
            top, left = max(-y, 0), max(-x, 0)
            bottom, right = min(size, SIZE - y), min(size, SIZE - x)
            window = (slice(y + top, y + bottom), slice(x + left, x + right))
            part = (k, slice(None), slice(top, bottom), slice(left, right))
            below = self.stains[:, window[0], window[1]]
            below *= bank.keep[part]
            below += bank.add[part]
            nucleus = bank.cell[k, top:bottom, left:right]
            self.occupied[window] |= nucleus
            if tumour:
                self.tumour[window] |= nucleus

    def fill(
        self,
        bank: CellBank,
        spacing: float,
        where: NDArray[np.bool_] | None = None,
        share: float = 1.0,
        along: float | None = None,
    ) -> None:
        """Scatter cells over `where` (default everywhere) into places that are free; `share` of them are kept."""
        points = self.scatter(spacing)
        y, x = (points + 0.5).astype(int).T
        chosen = ~self.occupied[y, x] & (self.rng.random(len(points)) < share)
        if where is not None:
            chosen &= where[y, x]
        self.stamp(bank, points[chosen], along=along)


def soft(values: Array, width: float) -> Array:
    """0 to 1 across `width` around zero."""
    share: Array = np.clip(values / width + 0.5, 0, 1)
    return share
