"""Near duplicates of a whole source: found once for a pack and kept beside it, and the sets that they make."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sentinode.core.files import atomic_file
from sentinode.core.progress import Progress
from sentinode.data.near_duplicates import NearPair, Tones, near_pairs
from sentinode.data.pack import Pack

_FILE = "near-duplicates-1.parquet"  # counted up when the search changes: older findings are then made anew
_CHUNK = 512


class PackedImages(Sequence[NDArray[np.uint8]]):
    """Packed images by their place among `rows`, which are their first rows in the pack; read when asked for."""

    def __init__(self, packed: Pack, rows: NDArray[np.int64]) -> None:
        self._packed = packed
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> NDArray[np.uint8]:  # type: ignore[override]
        """(H, W, 3)."""
        return self._packed.image(int(self._rows[place]))


def near_copies(packed: Pack, progress: Progress, *, wanted: bool = True) -> pd.DataFrame:
    """Pairs of packed images that are near duplicates; images with the same pixels count once.

    The first call looks at every image and keeps what it finds in the pack's folder; docs/data.md says what it costs.

    Args:
        packed: The images.
        progress: Where to show how far it is.
        wanted: Whether to look for them; False: only what an earlier call has found.

    Returns:
        One line a pair, best first: `first` and `second` (hashes of the pixels), `correlation`.

    Raises:
        StorageError: The findings can't be kept.
    """
    path = packed.folder / _FILE
    if not path.is_file() and not wanted:
        return _table([], np.empty(0, dtype=object))
    if not path.is_file():
        found = _search(packed, progress)
        with atomic_file(path) as temporary:
            found.to_parquet(temporary)
        return found
    return pd.read_parquet(path)


def _search(packed: Pack, progress: Progress) -> pd.DataFrame:
    images = packed.index[packed.index["row"] >= 0].drop_duplicates("pixels")
    pixels = images["pixels"].to_numpy(dtype=object)
    each = PackedImages(packed, images["row"].to_numpy(np.int64))
    parts = [
        Tones.of(each[place] for place in range(part.start, part.stop))
        for part in progress.slabs("looking for copies", len(each), _CHUNK)
    ]
    pairs = near_pairs(each, Tones.join(parts), np.arange(len(each))) if parts else []
    return _table(pairs, pixels)


def _table(pairs: Sequence[NearPair], pixels: NDArray[np.object_]) -> pd.DataFrame:
    columns = {
        "first": [pixels[pair.first] for pair in pairs],
        "second": [pixels[pair.second] for pair in pairs],
        "correlation": [pair.correlation for pair in pairs],
    }
    return pd.DataFrame(columns).astype({"first": object, "second": object, "correlation": float})


def copy_sets(table: pd.DataFrame, pairs: pd.DataFrame) -> "pd.Series[str]":
    """For each image the id of the first one of its set of near copies; a missing value where it has none.

    Args:
        table: Images (N) with `id` and `pixels`.
        pairs: From `near_copies`; pairs with an image that is not in the table are passed over.
    """
    codes, known = pd.factorize(table["pixels"])
    place = pd.Series(np.arange(len(known)), index=known)
    both = pairs[pairs["first"].isin(known) & pairs["second"].isin(known)]
    sets = _joined(place[both["first"]].to_numpy(), place[both["second"]].to_numpy(), len(known))
    several = np.bincount(sets, minlength=len(known))[sets] > 1
    first = table.groupby(sets[codes])["id"].transform("first")
    return first.astype(object).where(several[codes], None)


def tied(groups: "pd.Series[str] | None", copies: "pd.Series[str]") -> NDArray[np.object_]:
    """Names of what must stay on one side: an image's group, together with every group that holds a copy of one of its
    images; without groups, the set of copies, or the image alone. (N,) of str.

    Args:
        groups: Slide, patient or cluster of each image (N), none missing; None where none is known.
        copies: From `copy_sets` (N).
    """
    own = [f"image {number}" for number in range(len(copies))]
    names = pd.Series(own if groups is None else groups.to_numpy(), dtype=object)
    codes, known = pd.factorize(names)
    marked = copies.notna().to_numpy()
    marks, sets = pd.factorize(copies[marked])
    joined = _joined(codes[marked], len(known) + marks, len(known) + len(sets))
    first = pd.Series(known).groupby(joined[: len(known)]).transform("first")
    return first.to_numpy(dtype=object)[codes]


def _joined(one: NDArray[np.integer], other: NDArray[np.integer], count: int) -> NDArray[np.integer]:
    """Component of each of `count` things (count) that pairs `one` and `other` (P) join."""
    links = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1])
