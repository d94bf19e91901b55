"""The anatomy of a drawn slide: where capsule, sinuses, follicles, fat, metastases, ink and a fold lie.

Each is a smooth field on a coarse grid: signed distances in pixels of `PAINT_MPP`, positive inside. Between the grid's
points a field is interpolated linearly, so that the outline of the tumour field at zero is the exact annotation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.slides.synthetic.cells import Array

PAINT_MPP = 0.972
"""µm/px that slides are painted at: the drawn cells are made for it, as those of the synthetic patches."""
GRID_PX = 8
"""Paint pixels from one point of the fields to the next."""

_INKS = ((0.75, 0.60, 0.12), (0.85, 0.25, 0.70), (0.95, 0.93, 0.90))
"""Optical density of R, G, B: blue, green, black."""


@dataclass(frozen=True)
class Anatomy:
    """The fields of one slide, each (rows, columns) float32; point (r, c) lies at paint pixel (r, c) · GRID_PX."""

    depth: Array
    """Below the node's capsule; negative outside the node."""
    follicle: Array
    """Within a germinal centre."""
    sinus: Array
    """Within a sinus of the medulla."""
    fat: Array
    """Within fatty tissue around the node."""
    tumour: Array
    """Within a metastasis."""
    fold: Array
    """Within the strip where the section lies double."""
    pen: Array
    """Within a stroke of ink."""
    ink: Array
    """(3,): optical density of the ink."""

    @classmethod
    def draw(cls, rng: np.random.Generator, width: int, height: int, *, tumour: bool, extras: int) -> "Anatomy":
        """Draw a slide of `width` × `height` paint pixels.

        `extras` counts on from slide to slide: every third has ink, every fourth a fold.
        """
        grid = _Grid(rng, height // GRID_PX + 2, width // GRID_PX + 2)
        depth = _node(grid)
        hilum = grid.place(depth, 0.0, 0.15)
        inner = np.clip(depth / max(float(depth.max()), 1.0), 0, 1)
        medulla = 1.1 - np.hypot(grid.y - hilum[0], grid.x - hilum[1]) / (0.4 * min(width, height))
        follicle = _follicles(grid, depth, medulla)
        fat = np.maximum(190 + 120 * grid.noise(30) + depth, 160 * (medulla - 0.7) - 40 + 60 * grid.noise(12))
        metastases = _metastases(grid, depth) if tumour else np.full_like(depth, -1e3)
        return cls(
            depth=depth,
            follicle=np.minimum(follicle, -metastases),
            sinus=np.minimum(22 - 60 * np.abs(grid.noise(9)), 90 * (np.minimum(medulla, inner + 0.4) - 0.4)),
            fat=fat,
            tumour=metastases,
            fold=_stroke(grid, 34) if extras % 4 == 2 else np.full_like(depth, -1e3),
            pen=_stroke(grid, 110, beside=depth) if extras % 3 == 1 else np.full_like(depth, -1e3),
            ink=np.array(_INKS[rng.integers(len(_INKS))], np.float32),
        )


class _Grid:
    def __init__(self, rng: np.random.Generator, rows: int, columns: int) -> None:
        self.rng = rng
        self.shape = (rows, columns)
        self.y, self.x = (axis.astype(np.float32) * GRID_PX for axis in np.mgrid[:rows, :columns])

    @property
    def height(self) -> int:
        return self.shape[0] * GRID_PX

    @property
    def width(self) -> int:
        return self.shape[1] * GRID_PX

    def noise(self, scale: float) -> Array:
        """Smooth noise of mean 0 and standard deviation 1; `scale` in points of the grid."""
        pad = int(3 * scale) + 1  # the edge of a small slide would all be one value
        white = self.rng.standard_normal([side + 2 * pad for side in self.shape], dtype=np.float32)
        smooth = ndimage.gaussian_filter(white, scale, truncate=3)[pad:-pad, pad:-pad]
        standard: Array = (smooth * np.float32(2 * np.sqrt(np.pi) * scale)).astype(np.float32)
        return standard

    def place(self, depth: Array, least: float, most: float) -> tuple[float, float]:
        """A place (y, x) at a depth between two shares of the greatest."""
        share = depth / max(float(depth.max()), 1.0)
        candidates = np.argwhere((share >= least) & (share <= most))
        if not len(candidates):
            candidates = np.argwhere(depth == depth.max())
        row, column = candidates[self.rng.integers(len(candidates))]
        return float(row * GRID_PX), float(column * GRID_PX)

    def blob(self, centre: tuple[float, float], radius: float, stretch: float = 1.0, wobble: float = 0.12) -> Array:
        """Signed distance, roughly, of a rounded, uneven shape."""
        turn = self.rng.uniform(0, np.pi)
        dy, dx = self.y - centre[0], self.x - centre[1]
        along = (dx * np.cos(turn) + dy * np.sin(turn)) / np.sqrt(stretch)
        across = (dy * np.cos(turn) - dx * np.sin(turn)) * np.sqrt(stretch)
        angle = np.arctan2(across, along)
        edge = np.ones_like(angle)
        for waves in (2, 3, 4, 5):
            edge += self.rng.normal(0, wobble) / waves * np.cos(waves * angle + self.rng.uniform(0, 6.3))
        shape: Array = radius * edge - np.hypot(along, across)
        return shape


def _node(grid: _Grid) -> Array:
    """One node, or two, as the distance below its capsule."""
    rng = grid.rng
    short = min(grid.height, grid.width)
    centre = (grid.height * rng.uniform(0.46, 0.54), grid.width * rng.uniform(0.42, 0.5))
    shape = grid.blob(centre, 0.37 * short, min(1.5, grid.width / grid.height))
    if rng.random() < 0.6:  # a second, smaller node on the same glass
        corner = (grid.height * rng.choice((0.2, 0.8)), grid.width * 0.88)
        shape = np.maximum(shape, grid.blob(corner, rng.uniform(0.1, 0.15) * short))
    inside = shape + 14 * grid.noise(14) > 0
    distance = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    smooth: Array = ndimage.gaussian_filter(distance.astype(np.float32) * GRID_PX, 1.5)
    return smooth


def _follicles(grid: _Grid, depth: Array, medulla: Array) -> Array:
    """Germinal centres in a row below the capsule, fewer towards the hilum."""
    found = np.full_like(depth, -1e3)
    cortex = np.argwhere((depth > 190) & (depth < 420) & (medulla < 0.5))
    if len(cortex):
        for row, column in grid.rng.permutation(cortex)[: 40 + len(cortex) // 40]:
            if found[row, column] < -150:
                radius = grid.rng.uniform(70, 170)
                shape = grid.blob((row * GRID_PX, column * GRID_PX), radius, grid.rng.uniform(1, 1.5))
                found = np.maximum(found, np.minimum(shape, depth - 60))
    return found


def _metastases(grid: _Grid, depth: Array) -> Array:
    """From clusters of a few cells to growth through much of the node; at least one."""
    rng = grid.rng
    found = np.full_like(depth, -1e3)
    greatest = float(depth.max())
    radii = [*rng.uniform(0.35, 0.8, rng.integers(0, 2)) * greatest, *rng.uniform(110, 300, rng.integers(0, 3))]
    radii += list(rng.uniform(16, 75, rng.integers(1, 5)))
    rough = 5 * grid.noise(1.6) + 9 * grid.noise(4)
    for radius in sorted(radii, reverse=True):
        # Tumour comes with the lymph: first below the capsule.
        shape = grid.blob(grid.place(depth, 0.15, 0.5), radius, rng.uniform(1, 2.2), 0.2)
        found = np.maximum(found, shape + rough * min(1, radius / 120))
    return np.minimum(found, depth - 14)


def _stroke(grid: _Grid, half_width: float, beside: Array | None = None) -> Array:
    """A bent band right across the slide; with `beside`, beside or over the edge of that shape."""
    turn = grid.rng.uniform(-0.5, 0.5) + (np.pi / 2 if grid.rng.random() < 0.5 else 0)
    across = (grid.y - grid.height / 2) * np.cos(turn) - (grid.x - grid.width / 2) * np.sin(turn)
    along = (grid.x - grid.width / 2) * np.cos(turn) + (grid.y - grid.height / 2) * np.sin(turn)
    bend = 0.06 * grid.height * np.sin(along / (0.25 * grid.width) + grid.rng.uniform(0, 6.3))
    offset = grid.rng.uniform(-0.12, 0.12) * grid.height
    ends = 0.42 * grid.width - np.abs(along)
    if beside is not None:
        touched = np.abs(across[beside > 0])
        offset = float(grid.rng.choice((-1, 1)) * 0.8 * (touched.max() if touched.size else 0))
        ends = 0.2 * grid.width - np.abs(along)
    band: Array = np.minimum(half_width - np.abs(across + bend - offset), ends).astype(np.float32)
    return band


def field_at(field: Array, y: NDArray[np.floating], x: NDArray[np.floating]) -> Array:
    """A field's values at places (n,) in paint pixels."""
    values: Array = ndimage.map_coordinates(field, np.stack([y, x]) / GRID_PX, order=1, mode="nearest")
    return values


def field_rows(field: Array, start: int, stop: int, width: int) -> Array:
    """A field's values at the paint pixels of rows `start` to `stop`: (stop - start, width)."""
    y, x = np.clip(np.arange(start, stop), 0, None) / GRID_PX, np.arange(width) / GRID_PX
    row, column = (np.minimum(at.astype(int), side - 2) for at, side in zip((y, x), field.shape, strict=True))
    part_y = np.clip(y - row, 0, 1).astype(np.float32)[:, None]
    part_x = np.clip(x - column, 0, 1).astype(np.float32)[None]
    rows = field[row] * (1 - part_y) + field[row + 1] * part_y
    values: Array = rows[:, column] * (1 - part_x) + rows[:, column + 1] * part_x
    return values
