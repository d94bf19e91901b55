"""A second look: suspicious cells are scored again on tiles shifted by a quarter, with two sizes of context.

What a heatmap's cell says hangs on where the grid happened to lie. Here each cell that is looked at is covered by tiles
whose centres lie a quarter of a tile apart, so that a score belongs to a square of a quarter (23 µm of 96 px at 0.972
µm/px) and a lesion can be outlined finer than by a tile; and by tiles that show a quarter more of the surroundings.
Cells beside those that prove suspicious are looked at next, until nothing suspicious is left or the budget is spent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.scanning.candidates import find_candidates, logit, most_candidates
from sentinode.scanning.heatmap import Heatmap

QUARTERS = 4
"""Parts of a tile's side from one shifted tile to the next."""
WIDER = 1.25
"""How much more, in µm, the tiles with more context show: as much as training's scaling lets models bear."""
_LOOKED_A_CANDIDATE = 2.5
"""Cells that are looked at for each candidate that there may be; with 4 wider tiles and up to 16 shifted ones each, a
second look has at most 800 tiles on a small slide, and a fifth of the first look's tiles on a large one."""

_WORTH_SHIFTING = 0.2
"""Wider tiles come first; where none of a cell's four reaches this, the sixteen others are saved."""
_HOT = 0.5
_WORTH_A_LOOK = 0.005

Look = Callable[[NDArray[np.float64], NDArray[np.float64], float], NDArray[np.float32]]
"""Centres x and y of N tiles in level-0 pixels, and how much more than usual they show (1: nothing) → (N,) scores of
the class that is looked for; NaN where a tile can't be read."""


@dataclass(frozen=True, eq=False)
class FineMap:
    """Log-odds on a grid `parts` times as fine as the heatmap's; NaN where no second look was taken."""

    near: NDArray[np.float32]
    """(h · parts, w · parts) of tiles as the model was trained on."""
    wide: NDArray[np.float32]
    """Likewise, of tiles that show more around them."""
    parts: int
    """Fine cells along a side of the heatmap's cells."""

    @property
    def joint(self) -> NDArray[np.float64]:
        """The mean of both; where only one could be read, that one."""
        both = np.stack([self.near, self.wide]).astype(np.float64)
        there = np.isfinite(both)
        sums = np.where(there, both, 0).sum(axis=0)
        means = np.divide(sums, there.sum(axis=0), out=np.full(sums.shape, np.nan), where=there.any(axis=0))
        return np.asarray(means, np.float64)

    @property
    def looked(self) -> NDArray[np.bool_]:
        """(h, w) cells of the heatmap that were looked at again."""
        rows, columns = (length // self.parts for length in self.near.shape)
        return np.asarray(np.isfinite(self.joint).reshape(rows, self.parts, columns, self.parts).any(axis=(1, 3)))


def most_cells(heatmap: Heatmap) -> int:
    """How many cells of a heatmap may be looked at again."""
    return round(_LOOKED_A_CANDIDATE * most_candidates(heatmap))


def look_again(heatmap: Heatmap, tile_cells: float, look: Look) -> FineMap:
    """Take a second look at a slide's candidates and at what grows from them.

    Args:
        heatmap: Of the first look.
        tile_cells: Side of a tile in cells of the heatmap: 1 where tiles touch.
        look: Scores tiles.
    """
    parts = max(1, round(QUARTERS / tile_cells))
    rows, columns = heatmap.values.shape
    empty = np.full((rows * parts, columns * parts), np.nan, np.float32)
    fine = FineMap(empty, empty.copy(), parts)
    own = np.nan_to_num(heatmap.values, nan=0.0)
    looked, most = np.zeros((rows, columns), bool), most_cells(heatmap)
    cells = np.array([(one.row, one.column) for one in find_candidates(heatmap)], np.int64).reshape(-1, 2)
    while len(cells):
        _fill(fine, heatmap, cells, look)
        looked[cells[:, 0], cells[:, 1]] = True
        hot = _hottest(fine)
        beside = ndimage.grey_dilation(hot, footprint=np.ones((3, 3), bool), mode="constant", cval=0.0)
        worth = np.where(looked | (beside < _HOT) | (own < _WORTH_A_LOOK), 0.0, beside * own)
        found = np.argwhere(worth > 0)
        order = np.lexsort((found[:, 1], found[:, 0], -worth[found[:, 0], found[:, 1]]))
        # Half of what is left at most, so that one large lesion does not have the budget of the others' rims.
        left = most - int(looked.sum())
        cells = found[order[: min(left, max(4, left // 2))]]
    return fine


def _fill(fine: FineMap, heatmap: Heatmap, cells: NDArray[np.int64], look: Look) -> None:
    _score(fine.wide, fine.parts, 2 if fine.parts % 2 == 0 else 1, heatmap, cells, WIDER, look)
    hottest = _hottest(fine)[cells[:, 0], cells[:, 1]]
    _score(fine.near, fine.parts, 1, heatmap, cells[hottest >= _WORTH_SHIFTING], 1.0, look)


def _score(
    values: NDArray[np.float32],
    parts: int,
    side: int,
    heatmap: Heatmap,
    cells: NDArray[np.int64],
    wider: float,
    look: Look,
) -> None:
    """Fill cells of `values` from tiles centred on squares of `side` × `side` fine cells."""
    count = parts // side
    down, across = (axis.ravel() for axis in np.mgrid[:count, :count])
    rows = ((cells[:, :1] * count + down) * side).ravel()
    columns = ((cells[:, 1:] * count + across) * side).ravel()
    scores = look(
        (columns + side / 2) / parts * heatmap.downsample_x, (rows + side / 2) / parts * heatmap.downsample_y, wider
    )
    odds = np.where(np.isfinite(scores), logit(np.nan_to_num(scores)), np.nan).astype(np.float32)
    for below in range(side):
        for right in range(side):
            values[rows + below, columns + right] = odds


def _hottest(fine: FineMap) -> NDArray[np.float64]:
    """(h, w) the highest probability of a second look in each cell of the heatmap; 0 where there was none."""
    rows, columns = (length // fine.parts for length in fine.near.shape)
    joint = np.nan_to_num(fine.joint, nan=-np.inf).reshape(rows, fine.parts, columns, fine.parts)
    return np.asarray(1 / (1 + np.exp(-joint.max(axis=(1, 3)))))
