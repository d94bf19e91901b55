"""What a synthetic patch shows: the kinds of normal tissue, those that resemble tumour, and tumour among them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sentinode.data.synthetic.tissue import CENTRE, CENTRE_DISTANCE, SIZE, Canvas, X, Y, soft
from sentinode.slides.synthetic.cells import Array

Scene = Callable[[Canvas], None]

_KEEP_OFF = 13.0  # px between the central square and the nearest centre of a tumour cell in a negative patch


def matrix(canvas: Canvas, eosin: float = 0.22) -> None:
    """The ground between cells: pale pink, cloudy, with clefts that let the light through."""
    cloud = 0.5 * canvas.noise(1.6) + 0.35 * canvas.noise(4.0) + 0.2 * canvas.noise(0.7)
    canvas.cover(1.0, 0.05 + 0.02 * cloud, np.clip(eosin * (1 + 0.6 * cloud), 0.01, None))


def fibres(canvas: Canvas, alpha: Array | float = 1.0, eosin: float = 0.6) -> float:
    """Wavy collagen: noise stretched along one direction, which is returned, and bent by noise of a larger scale."""
    angle = canvas.rng.uniform(0, np.pi)
    bend = canvas.rng.uniform(3, 9) * canvas.noise(16.0) + 1.5 * canvas.noise(4.0)
    across = Y * np.cos(angle) - X * np.sin(angle) + bend
    along = Y * np.sin(angle) + X * np.cos(angle)
    tile = canvas.kit.noises[1.6]
    streaks = tile[across.astype(int) % len(tile), (along * 0.13).astype(int) % len(tile)]
    streaks = streaks + 0.5 * canvas.noise(0.7)
    canvas.cover(alpha, 0.06, np.clip(eosin * (1 + 0.38 * streaks), 0.02, None))
    return angle


def lymphoid(canvas: Canvas) -> None:
    """Small, dark, round nuclei side by side, few larger ones among them."""
    matrix(canvas, canvas.rng.uniform(0.15, 0.42))
    canvas.fill(canvas.kit.centrocyte, 15, share=canvas.rng.uniform(0, 0.5))
    lymphocytes(canvas, share=canvas.rng.uniform(0.7, 1.0))


def lymphocytes(canvas: Canvas, where: NDArray[np.bool_] | None = None, share: float = 0.9) -> None:
    """Fill free places with lymphocytes, as dense as the slide has them."""
    canvas.fill(canvas.kit.lymphocyte, 7.6 / canvas.crowding, where, share)


def germinal_centre(canvas: Canvas) -> None:
    """Larger, paler, crowded cells with few dark ones, and a macrophage or two: easily taken for tumour."""
    matrix(canvas, canvas.rng.uniform(0.22, 0.5))
    region = field_of(canvas, canvas.rng.uniform(0.5, 2.0))
    for _ in range(canvas.rng.integers(0, 3)):
        _macrophage(canvas, region)
    canvas.fill(canvas.kit.centrocyte, canvas.rng.uniform(8.6, 10.5), region > 0, 0.95)
    canvas.fill(canvas.kit.lymphocyte, 9, region > 0, canvas.rng.uniform(0.1, 0.4))
    lymphocytes(canvas, region <= 0)


def _macrophage(canvas: Canvas, region: Array) -> None:
    y, x = canvas.rng.uniform(16, SIZE - 16, 2)
    if region[int(y), int(x)] <= 0:
        return
    distance = np.hypot(Y - y, X - x) + 1.5 * canvas.noise(4.0)
    canvas.cover(soft(canvas.rng.uniform(7, 10) - distance, 2.5), 0.03, 0.12)
    canvas.occupied |= distance < 6
    canvas.stamp(canvas.kit.histiocyte, np.array([[y, x]], np.float32))


def histiocytes(canvas: Canvas) -> None:
    """A sheet of histiocytes: oval pale nuclei, much pink cytoplasm, lymphocytes between."""
    matrix(canvas, canvas.rng.uniform(0.25, 0.5))
    region = field_of(canvas, canvas.rng.uniform(0.3, 2.0))
    canvas.fill(canvas.kit.histiocyte, canvas.rng.uniform(10, 13.5), region > 0, 0.95)
    canvas.fill(canvas.kit.lymphocyte, 9, region > 0, canvas.rng.uniform(0.1, 0.5))
    lymphocytes(canvas, region <= 0)


def sinus(canvas: Canvas) -> None:
    """A lymph sinus: loose lymphocytes and histiocytes in a clear space."""
    matrix(canvas, 0.28)
    lumen = field_of(canvas, canvas.rng.uniform(0.0, 0.8))
    canvas.cover(soft(lumen, 0.25), 0.01, 0.02 + 0.03 * np.clip(canvas.noise(1.6), 0, None))
    canvas.fill(canvas.kit.histiocyte, 13, lumen > -0.2, canvas.rng.uniform(0.2, 0.7))
    canvas.fill(canvas.kit.lymphocyte, 9, lumen > 0, canvas.rng.uniform(0.05, 0.5))
    lymphocytes(canvas, lumen <= 0)


def fat(canvas: Canvas) -> None:
    """Fat cells: round, empty, with thin walls that are torn here and there."""
    first, second = _nearest_two(canvas, canvas.rng.uniform(26, 48))
    torn = soft(canvas.noise(9.0) + canvas.rng.uniform(0.0, 1.6), 1.0)
    wall = np.exp(-(((second - first) / canvas.rng.uniform(1.2, 2.4)) ** 2)) * torn
    canvas.cover(1.0, 0.0, 0.005)
    canvas.cover(np.clip(wall, 0, 1), 0.1, np.clip(0.45 + 0.25 * canvas.noise(1.6), 0.05, None))
    canvas.fill(canvas.kit.spindle, 16, wall > 0.5, 0.5)
    if canvas.rng.random() < 0.45:  # a septum, or the node's capsule
        septum = field_of(canvas, canvas.rng.uniform(-0.9, 0.0))
        along = fibres(canvas, soft(septum, 0.3), canvas.rng.uniform(0.35, 0.7))
        canvas.fill(canvas.kit.spindle, 14, septum > 0, 0.5, along)
        canvas.fill(canvas.kit.lymphocyte, 10, septum > 0.2, canvas.rng.uniform(0, 0.4))


def _nearest_two(canvas: Canvas, spacing: float) -> tuple[Array, Array]:
    """Distances in pixels from each pixel to the nearest and to the second nearest of scattered points."""
    steps = np.arange(-1, int(SIZE / spacing) + 2) * spacing
    y, x = np.meshgrid(steps, steps, indexing="ij")
    y, x = (axis.ravel() + canvas.rng.uniform(-0.38, 0.38, axis.size) * spacing for axis in (y, x))
    bent_y, bent_x = Y + 1.5 * canvas.noise(9.0), X + 1.5 * canvas.noise(9.0)
    squares = (bent_y[..., None] - y.astype(np.float32)) ** 2 + (bent_x[..., None] - x.astype(np.float32)) ** 2
    two = np.sqrt(np.partition(squares, 1, axis=-1)[..., :2])
    return two[..., 0], two[..., 1]


def stroma(canvas: Canvas) -> None:
    """Collagen with spindle nuclei, a vessel or none, lymphocytes here and there."""
    along = fibres(canvas, 1.0, canvas.rng.uniform(0.35, 0.85))
    clefts = canvas.noise(4.0) + canvas.noise(9.0) - canvas.rng.uniform(1.2, 3.0)
    canvas.cover(soft(clefts, 0.8), 0.01, 0.03)
    if canvas.rng.random() < 0.4:
        _vessel(canvas)
    canvas.fill(canvas.kit.spindle, 11, share=canvas.rng.uniform(0.2, 0.7), along=along)
    canvas.fill(canvas.kit.lymphocyte, 9, field_of(canvas, -0.6) > 0, canvas.rng.uniform(0.2, 0.9))


def _vessel(canvas: Canvas) -> None:
    y, x = canvas.rng.uniform(20, SIZE - 20, 2)
    radius = canvas.rng.uniform(7, 16)
    distance = np.hypot(Y - y, (X - x) * canvas.rng.uniform(0.7, 1.3)) + 1.2 * canvas.noise(9.0) - radius
    canvas.cover(soft(-distance, 1.5), 0.01, 0.04)
    blood = soft(canvas.noise(1.6) - canvas.rng.uniform(-0.8, 0.8), 0.7) * soft(-distance - 2, 2.0)
    canvas.cover(blood, 0.03, 1.0 + 0.15 * canvas.noise(0.7))
    canvas.occupied |= distance < -1
    canvas.fill(canvas.kit.endothelium, 8, abs(distance - 1.5) < 1.5, 0.9)


def mixed(canvas: Canvas) -> None:
    """Lymphoid tissue beside a trabecula, or at the node's edge."""
    lymphoid_share = field_of(canvas, canvas.rng.uniform(-0.2, 0.6))
    matrix(canvas, canvas.rng.uniform(0.18, 0.4))
    other = soft(-lymphoid_share - 0.1, 0.25)
    if canvas.rng.random() < 0.75:
        along = fibres(canvas, other, canvas.rng.uniform(0.4, 0.8))
        canvas.fill(canvas.kit.spindle, 11, lymphoid_share < -0.2, canvas.rng.uniform(0.3, 0.7), along)
    else:
        canvas.cover(other, 0.0, 0.02)
        canvas.occupied |= lymphoid_share < -0.3
    lymphocytes(canvas, lymphoid_share > 0, canvas.rng.uniform(0.7, 1.0))


def glass(canvas: Canvas) -> None:
    """Almost nothing: bare glass or one fat cell, a shred of tissue at the border."""
    canvas.cover(1.0, 0.0, 0.0)
    shred = np.abs(canvas.noise(16.0) - canvas.rng.uniform(1.5, 2.5))
    canvas.cover(np.clip(1 - shred / 0.12, 0, 1), 0.05, 0.3)


def field_of(canvas: Canvas, level: float) -> Array:
    """A smooth random field, mean `level`, standard deviation about 1: its positive part is a region's shape."""
    return canvas.noise(16.0) + 0.25 * canvas.noise(4.0) + np.float32(level)


_NORMAL: tuple[tuple[Scene, float], ...] = (
    (lymphoid, 0.22), (germinal_centre, 0.2), (histiocytes, 0.15), (sinus, 0.11),
    (stroma, 0.12), (mixed, 0.11), (fat, 0.07), (glass, 0.02),
)  # fmt: skip
_AROUND_TUMOUR: tuple[tuple[Scene, float], ...] = (
    (lymphoid, 0.4), (stroma, 0.3), (mixed, 0.12), (sinus, 0.06), (germinal_centre, 0.06), (fat, 0.06),
)  # fmt: skip
_TUMOUR_BESIDE = 0.3  # share of the negative patches that have tumour outside the centre


def draw_scene(canvas: Canvas, *, positive: bool) -> None:
    """Draw a patch; it has a tumour cell in the central square if and only if `positive`."""
    if positive or canvas.rng.random() < _TUMOUR_BESIDE:
        _pick(canvas.rng, _AROUND_TUMOUR)(canvas)
        _tumour(canvas, _tumour_region(canvas, positive=positive), positive=positive)
    else:
        _pick(canvas.rng, _NORMAL)(canvas)


def _pick(rng: np.random.Generator, scenes: tuple[tuple[Scene, float], ...]) -> Scene:
    weights = np.array([weight for _, weight in scenes])
    return scenes[rng.choice(len(scenes), p=weights / weights.sum())][0]


def _tumour_region(canvas: Canvas, *, positive: bool) -> Array:
    """Where tumour grows (positive values): a sheet, a nest with its border in the patch, or a few cells."""
    rng = canvas.rng
    growth = rng.choice(3, p=(0.3, 0.42, 0.28)) if positive else 1
    if growth == 0:
        return field_of(canvas, 2.6)
    y, x = rng.uniform(CENTRE.start, CENTRE.stop - 1, 2)
    distance: Array = np.hypot(Y - y, X - x)
    if growth == 2:
        return 1.0 - distance / float(rng.uniform(7, 15)) + 0.3 * canvas.noise(4.0)
    if positive:
        return np.maximum(field_of(canvas, rng.uniform(-0.6, 0.6)), 1.2 - distance / 12)
    side = rng.uniform(0, 2 * np.pi)  # tumour on one side, so that its absence in the middle looks like chance
    slope: Array = ((Y - SIZE / 2) * np.sin(side) + (X - SIZE / 2) * np.cos(side)) / 20
    ragged: Array = CENTRE_DISTANCE - _KEEP_OFF - 5 * abs(canvas.noise(9.0))
    return np.minimum(field_of(canvas, rng.uniform(-0.8, 0.2)) + slope, ragged / 6)


def _tumour(canvas: Canvas, region: Array, *, positive: bool) -> None:
    """Tumour cells over `region`, on their own ground, with infiltrating lymphocytes."""
    rng = canvas.rng
    bank = canvas.kit.tumours[canvas.tumour_type]
    alpha = soft(region - 0.15, 0.35)
    cloud = 0.5 * canvas.noise(1.6) + 0.4 * canvas.noise(4.0)
    canvas.cover(alpha, 0.1 + 0.03 * cloud, np.clip(rng.uniform(0.25, 0.5) * (1 + 0.4 * cloud), 0, None))
    canvas.occupied &= region < 0.1
    if rng.random() < 0.2:  # glands
        lumen = canvas.noise(9.0) + 0.2 * canvas.noise(4.0) - rng.uniform(0.9, 1.5)
        canvas.cover(soft(lumen, 0.2) * alpha, 0.0, 0.04)
        region = np.minimum(region, -3 * lumen - 0.2)
    points = canvas.scatter(rng.uniform(0.85, 1.1) * canvas.tumour_spacing, 0.15)
    inside = points[region[tuple(points.astype(int).T)] > 0.1]
    canvas.stamp(bank, inside, tumour=True)
    if positive and not canvas.tumour[CENTRE, CENTRE].any():
        canvas.stamp(bank, rng.uniform(CENTRE.start + 3, CENTRE.stop - 4, (1, 2)).astype(np.float32), tumour=True)
    canvas.fill(canvas.kit.lymphocyte, 9, region > 0.1, rng.choice((0.0, 0.15, 0.5), p=(0.4, 0.4, 0.2)))
