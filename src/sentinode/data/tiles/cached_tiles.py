"""Slides as they lie there, named as data: their tiles are drawn on first use, as `[data.tiles]` says."""

from pathlib import Path

from sentinode.core.errors import DataError
from sentinode.core.progress import Progress
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.data.tiles.tile_folder import holds_tiles, read_tile_folder
from sentinode.data.tiles.tile_sampler import draw_into, key_of
from sentinode.data.tiles.tiles_config import TilesConfig


def drawn_folder(path: Path, config: TilesConfig, cache: Path, progress: Progress) -> Path:
    """The folder of tiles that `slides:PATH` stands for.

    Args:
        path: A folder of tiles, which must be of the size and µm/px that `config` says; or of slides, with their
            annotations beside them or in CAMELYON16's places.
        config: How tiles are drawn.
        cache: Folder that drawn tiles are kept in, below `tiles/`.
        progress: Where to show how far drawing is.

    Raises:
        DataError: The tiles are others than the recipe is for, or none can be drawn.
    """
    if holds_tiles(path):
        _check_size(path, config)
        return path
    annotated = list_annotated_slides([path], [])
    folder = cache / "tiles" / key_of(annotated, config)[:32]
    draw_into(folder, annotated, config, progress)
    return folder


def _check_size(path: Path, config: TilesConfig) -> None:
    there = read_tile_folder(path).record.config
    if (there.size_px, there.mpp) != (config.size_px, config.mpp):
        raise DataError(
            f"{path} has tiles of {there.size_px} px at {there.mpp:g} µm/px, data.tiles says {config.size_px} px at "
            f"{config.mpp:g}; set data.tiles.size_px={there.size_px} and data.tiles.mpp={there.mpp:g}, or draw others"
        )
    if config.context and not there.context:
        raise DataError(
            f"{path} has tiles without context, data.tiles says context = true; draw others with `sentinode tiles "
            "--context`, or name the folder of slides"
        )
