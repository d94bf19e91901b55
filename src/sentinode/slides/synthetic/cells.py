"""Cells of the synthetic tissue: for each kind a bank of small pictures, drawn once and stamped many times.

Sizes are in pixels of 0.97 µm, as in PatchCamelyon: a lymphocyte's nucleus is about 7 px across, a tumour cell's 10 to
16 px. A picture has two layers, the concentrations of haematoxylin and of eosin, in units where 1 is a dark nucleus and
a bright pink fibre.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.floating[Any]]

HAEMATOXYLIN, EOSIN = 0, 1
_VARIANTS = 48  # enough that nobody sees a cell twice in a patch, with the eight flips and turns below


@dataclass(frozen=True)
class CellKind:
    """How the nuclei of one kind of cell look. A pair is the range from which each cell draws its own value."""

    radius: tuple[float, float]
    """Mean radius of the nucleus in pixels."""
    elongation: tuple[float, float]
    """Length over width."""
    lobing: float
    """How irregular the outline is: standard deviation of the radius, relative."""
    chromatin: tuple[float, float]
    """Haematoxylin of the nucleus's inside."""
    rim: float
    """Haematoxylin that the nuclear membrane adds: what makes a pale nucleus look vesicular."""
    clumping: float
    """Standard deviation of the chromatin's texture."""
    nucleoli: tuple[int, int]
    """Least and greatest number of nucleoli."""
    cytoplasm: float = 0.0
    """Eosin of the cell body around the nucleus; 0 draws none."""
    body: float = 1.7
    """Radius of the cell body, relative to the nucleus's."""


LYMPHOCYTE = CellKind((2.6, 3.7), (1.0, 1.35), 0.07, (0.6, 1.2), 0.15, 0.2, (0, 0))
CENTROCYTE = CellKind((3.6, 5.4), (1.0, 1.5), 0.09, (0.42, 0.8), 0.26, 0.13, (0, 3), 0.28, 1.5)
HISTIOCYTE = CellKind((3.8, 5.6), (1.15, 1.8), 0.1, (0.32, 0.62), 0.2, 0.1, (0, 1), 0.34, 2.0)
SPINDLE = CellKind((2.4, 3.6), (2.4, 4.2), 0.08, (0.6, 1.1), 0.1, 0.12, (0, 0))
ENDOTHELIUM = CellKind((3.0, 4.2), (1.5, 2.6), 0.08, (0.55, 0.95), 0.18, 0.12, (0, 1))
TUMOURS = (
    CellKind((5.0, 6.9), (1.0, 1.45), 0.10, (0.3, 0.58), 0.26, 0.12, (1, 2), 0.4, 1.65),  # ductal, vesicular
    CellKind((5.2, 7.9), (1.0, 1.7), 0.14, (0.36, 0.85), 0.22, 0.15, (0, 3), 0.42, 1.55),  # pleomorphic, some dark
    CellKind((4.7, 6.0), (1.0, 1.35), 0.07, (0.36, 0.68), 0.22, 0.12, (0, 1), 0.32, 1.5),  # lobular, monotonous
    CellKind((5.2, 7.2), (1.05, 1.5), 0.12, (0.26, 0.5), 0.3, 0.1, (1, 1), 0.5, 1.8),  # apocrine, pink
)
"""Types of tumour; a slide has one of them."""


@dataclass(frozen=True)
class CellBank:
    """Pictures of one kind of cell, of (S, S) pixels: stamping is `canvas * keep + add` on a window."""

    keep: Array
    """(variants, 2, S, S): what stays of the haematoxylin and eosin below."""
    add: Array
    """(variants, 2, S, S): what the cell puts there."""
    cell: NDArray[np.bool_]
    """(variants, S, S): where the nucleus is."""
    turn: NDArray[np.float64]
    """(variants,): direction of the long axis from the x axis towards the y axis, 0 to π."""

    @property
    def size(self) -> int:
        """Height and width S of a picture."""
        return int(self.keep.shape[-1])


def draw_bank(kind: CellKind, rng: np.random.Generator) -> CellBank:
    """Draw the pictures of one kind of cell, each with its own shape, turn and shift below a pixel."""
    radius = rng.uniform(*kind.radius, _VARIANTS)
    stretch = np.sqrt(rng.uniform(*kind.elongation, _VARIANTS))
    reach = kind.radius[1] * max(np.sqrt(kind.elongation[1]) * 1.15, kind.body if kind.cytoplasm else 0)
    half = int(np.ceil(reach)) + 2
    turn = rng.uniform(0, np.pi, _VARIANTS)
    depth = _depth(radius, stretch, turn, kind.lobing, half, rng)
    inside = np.clip(depth + 0.5, 0, 1)
    body = np.clip((depth + (kind.body - 1) * radius[:, None, None]) / 2.5, 0, 1) if kind.cytoplasm else 0 * inside
    stain = _nucleus(kind, depth, rng)
    membrane = np.exp(-((depth + (kind.body - 1) * radius[:, None, None] - 0.8) ** 2))
    eosin = kind.cytoplasm * rng.uniform(0.7, 1.3, (_VARIANTS, 1, 1)) * (0.95 + 0.18 * membrane)
    # A thin bright seam, where the section shrank: without it the nuclei of a dense field melt into one.
    seam = 0.6 * np.exp(-(((depth + 0.9) / 0.6) ** 2)) * (1 - inside)
    outside = 1 - 0.75 * inside  # some eosin shows through a nucleus
    keep = ((1 - inside) * (1 - seam) * (1 - 0.15 * body), outside * (1 - 0.5 * seam) * (1 - 0.6 * body))
    add = (inside * stain + (1 - inside) * body * 0.03, outside * 0.6 * body * eosin + 0.1 * inside)
    both = [np.stack(pair, axis=1).astype(np.float32) for pair in (keep, add)]
    return _turned(CellBank(both[0], both[1], inside > 0.5, turn))


def _depth(radius: Array, stretch: Array, turn: Array, lobing: float, half: int, rng: np.random.Generator) -> Array:
    """Pixels from each point to the outline, positive inside, for (variants, S, S); S = 2 * half + 1."""
    n = len(radius)
    axis = np.arange(-half, half + 1, dtype=np.float32)
    shift = rng.uniform(-0.5, 0.5, (2, n, 1, 1))
    y, x = axis[None, :, None] - shift[0], axis[None, None, :] - shift[1]
    cos, sin = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    along = (x * cos + y * sin) / stretch[:, None, None]
    across = (y * cos - x * sin) * stretch[:, None, None]
    angle = np.arctan2(across, along)
    outline = np.ones_like(angle)
    for waves in (2, 3, 4, 5):
        phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
        outline += rng.normal(0, lobing, (n, 1, 1)) / np.sqrt(waves) * np.cos(waves * angle + phase)
    depth: Array = radius[:, None, None] * outline - np.hypot(along, across)
    return depth


def _nucleus(kind: CellKind, depth: Array, rng: np.random.Generator) -> Array:
    """Haematoxylin inside the nucleus: chromatin and its clumps, the membrane, the nucleoli."""
    n, size, _ = depth.shape
    clumps = gaussian_filter(rng.standard_normal(depth.shape), (0, 0.8, 0.8)) / 0.33
    stain = rng.uniform(*kind.chromatin, (n, 1, 1)) + kind.clumping * clumps
    stain += kind.rim * np.exp(-(((depth - 0.6) / 0.9) ** 2))
    y, x = np.mgrid[:size, :size] - size // 2
    spread = 0.4 * np.mean(kind.radius)
    for number in range(kind.nucleoli[1]):
        there: NDArray[np.bool_] = np.asarray(rng.integers(*kind.nucleoli, n, endpoint=True) > number)
        cy, cx = rng.uniform(-spread, spread, (2, n, 1, 1))
        spot = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / rng.uniform(0.8, 2.0, (n, 1, 1)))
        stain += there[:, None, None] * rng.uniform(0.25, 0.65, (n, 1, 1)) * spot
    clipped: Array = np.clip(stain, 0.12, 1.8)
    return clipped


def _turned(bank: CellBank) -> CellBank:
    """The bank with every picture in the eight flips and quarter turns."""
    turn = np.concatenate([bank.turn, -bank.turn])
    turns = np.concatenate([turn + k * np.pi / 2 for k in range(4)]) % np.pi
    both = (np.concatenate([pictures, pictures[..., ::-1]]) for pictures in (bank.keep, bank.add, bank.cell))
    keep, add, cell = (np.concatenate([np.rot90(each, k, axes=(-2, -1)) for k in range(4)]) for each in both)
    return CellBank(keep, add, cell, turns)
