"""Slides with a known truth, composed of labelled patches: pieces of tissue on glass, lesions made of tumour patches.

A patch is a cell of a grid. The level of the pyramid at the patches' own µm/px shows each as it was but for the noise
of the JPEG. Seams between patches are visible: such slides test a pipeline (coordinates, masks, heatmaps, FROC, speed),
they don't measure a model on real slides.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.core.csv_output import write_csv
from sentinode.core.errors import DataError
from sentinode.core.extras import require
from sentinode.core.files import atomic_folder
from sentinode.core.result_folder import check_empty
from sentinode.slides.annotations.regions import Geometry
from sentinode.slides.enlargement import enlarge
from sentinode.slides.known_truth import KnownSlide, write_lesion_outlines, write_table
from sentinode.slides.mpp import Mpp
from sentinode.slides.pyramid import write_pyramid
from sentinode.slides.reader import Pixels

shapely = require("shapely", extra="scan")

SCALE = 4
"""Level-0 pixels for a patch's pixel, unless said otherwise: patches as PCam's, of 10×, give slides as scanners do, of
40×."""

LESIONS = (1, 6)
"""Least and most lesions of a slide with tumour, unless said otherwise."""

_ENLARGED, _AS_IT_WAS = 80, 95
"""JPEG quality: the mean of an enlarged pixel's block loses most of the noise; a pixel as it was has all of it."""

_SAMPLE = 400
"""Patches of each class that are looked at for their stain: a source may hold hundreds of thousands."""
_STAINED = 0.45
"""Summed optical density from which a pixel counts as stained."""
_GLASS = 243


@dataclass(frozen=True)
class Patches:
    """Labelled patches, all square and of one size."""

    names: Sequence[str]
    tumour: NDArray[np.bool_]
    """(N,): whether each is tumour."""
    read: Callable[[int], Pixels]
    """Pixels of a patch by its number: (S, S, 3) uint8."""


@dataclass(frozen=True)
class Plan:
    """What lies where on one slide; arrays are (rows, columns) of cells."""

    patch: NDArray[np.int64]
    """Number of the patch; -1: glass."""
    lesion: NDArray[np.int32]
    """Number of the lesion, from 1; 0: none."""


def compose_slides(
    patches: Patches,
    out: Path,
    *,
    slides: int,
    columns: int,
    rows: int,
    mpp: float,
    scale: int = SCALE,
    seed: int = 0,
    lesions: tuple[int, int] = LESIONS,
    lesion_cells: tuple[int, int] | None = None,
    advance: Callable[[], object] = lambda: None,
) -> list[KnownSlide]:
    """Compose `slides` slides of `columns` × `rows` cells; every second one has tumour.

    Args:
        patches: What they are made of.
        out: The folder to make: `NAME.tif`, `NAME.xml` (ASAP; tumour slides only), `NAME.csv` (column, row, label,
            patch of each tissue cell) and `slides.csv`.
        slides: How many.
        columns: Cells across.
        rows: Cells down.
        mpp: µm/px of the patches.
        scale: Level-0 pixels for a patch's pixel. 1: level 0 has the patches' µm/px, and a cohort is made at once.
        seed: Of all that is drawn. The same seed and patches give the same slides.
        lesions: Least and most lesions of a slide with tumour; fewer where there is no room.
        lesion_cells: Least and most cells of a lesion, each size as likely as its double; None: rounded pieces of
            about a twentieth of the slide's shorter side.
        advance: Called after each slide.

    Raises:
        DataError: A class has no patch, or patches differ in size.
        StorageError: `out` holds something, or can't be written.
    """
    check_empty(out)
    pools = [np.flatnonzero(patches.tumour == label) for label in (False, True)]
    for pool, label in zip(pools, ("normal", "tumour"), strict=True):
        if not len(pool):
            raise DataError(f"there are no {label} patches; composing slides needs both classes")
    side = len(patches.read(int(pools[0][0])))
    known = []
    with atomic_folder(out) as folder:
        for number in range(slides):
            rng = np.random.default_rng([seed, number])
            name = f"{'tumour' if number % 2 else 'normal'}_{number:03d}"
            count = int(rng.integers(lesions[0], lesions[1] + 1)) if number % 2 else 0
            plan = _plan(rng, patches, pools, rows, columns, count, lesion_cells)
            write_pyramid(
                folder / f"{name}.tif",
                _bands(rng, patches, plan, side, scale),
                width=columns * side * scale,
                height=rows * side * scale,
                mpp=Mpp(mpp / scale, mpp / scale),
                quality=_AS_IT_WAS if scale == 1 else _ENLARGED,
            )
            _write_cells(folder / f"{name}.csv", patches, plan)
            known.append(write_lesion_outlines(folder, name, outlines(plan.lesion, side * scale), mpp / scale))
            advance()
        write_table(folder, known)
    return known


def _plan(
    rng: np.random.Generator,
    patches: Patches,
    pools: list[NDArray[np.int64]],
    rows: int,
    columns: int,
    lesions: int,
    cells: tuple[int, int] | None,
) -> Plan:
    short = min(rows, columns)
    tissue = pieces(rng, rows, columns, int(rng.integers(1, 4)), 0.3 * short) > 0
    if not tissue.any():
        tissue[rows // 2, columns // 2] = True
    lesion = np.zeros((rows, columns), np.int32)
    if lesions and cells:
        lesion = _clusters(rng, tissue, lesions, cells)
    elif lesions:
        lesion = pieces(rng, rows, columns, lesions, max(1.2, 0.05 * short)) * tissue
        if not lesion.any():
            lesion[tuple(rng.choice(np.argwhere(tissue)))] = 1
        # The tissue's edge may have cut one in two, or away: what is annotated is what hangs together.
        lesion = np.asarray(ndimage.label(lesion)[0], np.int32)
    patch = np.full((rows, columns), -1, np.int64)
    for label, alike in enumerate(_alike(rng, patches, pools)):
        where = tissue & ((lesion > 0) == bool(label))
        patch[where] = rng.choice(alike, int(where.sum()))
    return Plan(patch, lesion)


def _clusters(
    rng: np.random.Generator, tissue: NDArray[np.bool_], count: int, cells: tuple[int, int]
) -> NDArray[np.int32]:
    """(rows, columns) numbers of up to `count` clusters that don't touch, grown cell by cell within the tissue."""
    taken = np.zeros(tissue.shape, np.int32)
    beside = np.ones((3, 3), bool)
    for number in range(1, count + 1):
        size = round(float(np.exp(rng.uniform(*np.log(cells)))))
        free = tissue & ~ndimage.binary_dilation(taken > 0, beside)
        if not free.any():
            break
        own = np.zeros_like(tissue)
        own[tuple(rng.choice(np.argwhere(free)))] = True
        while own.sum() < size:
            rim = ndimage.binary_dilation(own) & free & ~own
            if not rim.any():
                break
            # Cells with more neighbours in the cluster first, so that it is a cluster and no thread.
            weight = ndimage.convolve(own.astype(np.float64), beside.astype(np.float64), mode="constant")[rim] ** 2
            own[tuple(rng.choice(np.argwhere(rim), p=weight / weight.sum()))] = True
        taken[own] = number
    return taken


def pieces(rng: np.random.Generator, rows: int, columns: int, count: int, radius: float) -> NDArray[np.int32]:
    """(rows, columns) numbers of up to `count` rounded, uneven pieces that don't touch; 0: none.

    `radius` is in cells. Where there is no room left for a piece, it is left out.
    """
    taken = np.zeros((rows, columns), np.int32)
    y, x = np.mgrid[:rows, :columns] + 0.5
    waves = np.arange(2, 6)
    for number in range(1, count + 1):
        for _ in range(100):
            size = radius * rng.uniform(0.6, 1.25)
            reach_y, reach_x = min(0.8 * size, rows / 2), min(0.8 * size, columns / 2)
            centre_y, centre_x = rng.uniform(reach_y, rows - reach_y), rng.uniform(reach_x, columns - reach_x)
            angle = np.arctan2(y - centre_y, x - centre_x)[..., None]
            uneven = (rng.normal(0, 0.16, 4) / (waves - 1) * np.cos(waves * angle + rng.uniform(0, 6.3, 4))).sum(-1)
            inside = np.hypot(y - centre_y, x - centre_x) < size * (1 + uneven)
            if inside.any() and not taken[ndimage.binary_dilation(inside, np.ones((3, 3), bool))].any():
                taken[inside] = number
                break
    return taken


def _alike(rng: np.random.Generator, patches: Patches, pools: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """The third of each class whose stain is nearest to that of one patch: a slide has one stain."""
    samples = [pool if len(pool) <= _SAMPLE else rng.choice(pool, _SAMPLE, replace=False) for pool in pools]
    stains = [np.stack([_stain(patches.read(int(number))) for number in sample]) for sample in samples]
    wanted = stains[0][rng.integers(len(stains[0]))]
    distances = [((each - wanted) ** 2).sum(axis=1) for each in stains]
    return [
        sample[np.argsort(distance, kind="stable")[: max(1, len(sample) // 3)]]
        for sample, distance in zip(samples, distances, strict=True)
    ]


def _stain(pixels: Pixels) -> NDArray[np.float64]:
    """(3,): direction of the mean optical density of what is stained: the stain's hue, whatever its strength."""
    density = -np.log((pixels.reshape(-1, 3) + 1.0) / 256)
    stained = density[density.sum(axis=1) > _STAINED]
    mean = stained.mean(axis=0) if len(stained) > len(density) // 10 else np.ones(3)
    unit: NDArray[np.float64] = mean / np.linalg.norm(mean)
    return unit


def _bands(rng: np.random.Generator, patches: Patches, plan: Plan, side: int, scale: int) -> Iterator[Pixels]:
    """The slide, a row of cells at a time."""
    for row in plan.patch:
        band = np.repeat(_GLASS + rng.integers(0, 4, (side, len(row) * side, 1), dtype=np.uint8), 3, axis=2)
        for column in np.flatnonzero(row >= 0):
            pixels = patches.read(int(row[column]))
            if pixels.shape != (side, side, 3):
                raise DataError(
                    f"patch {patches.names[row[column]]} is {pixels.shape[1]} × {pixels.shape[0]} pixels, the first "
                    f"one is {side} high; composing slides needs square patches of one size"
                )
            band[:, column * side : (column + 1) * side] = pixels
        yield enlarge(band, scale)


def outlines(lesion: NDArray[np.int32], cell_px: int) -> list[Geometry]:
    """The outline of each lesion, in level-0 pixels, of cells of `cell_px`."""
    found = []
    for number in range(1, int(lesion.max(initial=0)) + 1):
        row, column = np.nonzero(lesion == number)
        cells = shapely.box(column * cell_px, row * cell_px, (column + 1) * cell_px, (row + 1) * cell_px)
        found.append(shapely.simplify(shapely.union_all(cells), 0))
    return found


def _write_cells(path: Path, patches: Patches, plan: Plan) -> None:
    rows = (
        [column, row, int(plan.lesion[row, column] > 0), patches.names[plan.patch[row, column]]]
        for row, column in np.argwhere(plan.patch >= 0)
    )
    write_csv(path, ("column", "row", "label", "patch"), rows)
