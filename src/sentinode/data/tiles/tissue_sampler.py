"""Draws tiles straight from the tissue of slides, without looking for a label."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataError, SlideError
from sentinode.core.files import atomic_file
from sentinode.core.messages import plural
from sentinode.core.progress import Advance, Progress
from sentinode.data.tiles.tile_sampler import places_of, rng_of
from sentinode.data.tiles.tissue_tiles import PLACES_FILE, TILES_FILE, TissueTiles, TissueTilesConfig, read_tissue_tiles
from sentinode.slides.slide import open_slide
from sentinode.slides.slide_list import list_slides
from sentinode.slides.tile_batches import read_batches

_BATCH = 64


def draw_tissue_tiles(config: TissueTilesConfig, folder: Path, threads: int, progress: Progress) -> TissueTiles:
    """Draw tiles of the tissue of slides into `folder`: `tiles.npy`, and where each lies in `tiles.parquet`.

    A slide that can't be read is named in the outcome, and the rest goes on.

    Raises:
        SlideNotFoundError: There is no slide.
        DataError: No slide gives a tile.
        StorageError: The disk is full.
    """
    paths = list_slides([Path(config.folder).expanduser()])
    places: list[pd.DataFrame] = []
    failures: list[str] = []
    with progress.bar("tissue", len(paths), "slides") as advance:
        for path in paths:
            try:
                places.append(_places(path, config))
            except SlideError as error:
                failures.append(f"{path.name}: {error}")
            advance()
    table = pd.concat(places, ignore_index=True) if places else pd.DataFrame()
    if table.empty:
        why = f", such as: {failures[0]}" if failures else "; lower slides.min_tissue"
        raise DataError(f"{plural(len(paths), 'slide')} give no tile with {config.min_tissue:g} of tissue{why}")
    by_name = {path.stem: path for path in paths}
    with progress.bar("reading", len(table), "tiles") as advance:
        unread = _read(by_name, table, config, folder, threads, advance)
    if unread.all():
        raise DataError(f"none of {plural(len(table), 'tile')} can be read; check the slides")
    table[~unread].reset_index(drop=True).to_parquet(folder / PLACES_FILE)
    failures += [f"{plural(int(unread.sum()), 'tile')} could not be read"] if unread.any() else []
    return read_tissue_tiles(folder, failures)


def _places(path: Path, config: TissueTilesConfig) -> pd.DataFrame:
    with open_slide(path, mpp=config.slide_mpp, series=config.series) as slide:
        x0, y0, _ = places_of(slide, config)
    chosen = np.sort(rng_of(path.stem, config).permutation(len(x0))[: config.per_slide])
    return pd.DataFrame({"slide": path.stem, "x0": x0[chosen], "y0": y0[chosen]})


def _read(
    paths: dict[str, Path], table: pd.DataFrame, config: TissueTilesConfig, folder: Path, threads: int, advance: Advance
) -> NDArray[np.bool_]:
    """Write the pixels of all places that can be read, one behind the other; which can't: (M,)."""
    shape = (len(table), config.size_px, config.size_px, 3)
    unread = np.zeros(len(table), bool)
    written = 0
    with atomic_file(folder / TILES_FILE) as temporary:
        file = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for name, part in table.groupby("slide", sort=False):
            first = int(part.index[0])
            with open_slide(paths[str(name)], mpp=config.slide_mpp, series=config.series) as slide:
                x0, y0 = part["x0"].to_numpy(np.int64), part["y0"].to_numpy(np.int64)
                for batch in read_batches(slide, config.mpp, config.size_px, x0, y0, batch=_BATCH, threads=threads):
                    good = np.ones(len(batch.tiles), bool)
                    good[[index - batch.start for index in batch.unreadable]] = False
                    unread[first + batch.start : first + batch.start + len(good)] = ~good
                    file[written : written + good.sum()] = batch.tiles[good]
                    written += int(good.sum())
                    advance(len(good))
        file.flush()
        del file
    return unread
