"""Data is named by a string: `scheme:rest`, or a bare path whose layout is recognised."""

import importlib
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import parse_qsl

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.progress import Progress
from sentinode.data.data_config import DataConfig
from sentinode.data.source import Source


class Layout(Protocol):
    """What each module in `sentinode.data.sources` offers."""

    def recognises(self, path: Path) -> bool:
        """Whether what lies at `path` is in this layout; looks at names only."""

    def open_path(self, path: Path) -> Source:
        """Open the data set at `path`, which exists."""


# scheme → (module, what it looks for)
_LAYOUTS = {
    "pcam": ("pcam", "camelyonpatch_level_2_split_{train,valid,test}_{x,y}.h5"),
    "kaggle": ("kaggle", "train_labels.csv with train/<id>.tif"),
    "folder": ("folder", "[split/]class/image"),
    "medmnist": ("medmnist", "a .npz file with train_images, train_labels, …"),
    "csv": ("csvfile", "a .csv file with the columns path,label[,group][,split]"),
    "slides": ("slides", "tiles.json with tiles.parquet, as `sentinode tiles` writes them"),
    "unlabelled": ("unlabelled", "images without labels, for pretraining, named as unlabelled:DIR"),
}


def open_source(address: str) -> Source:
    """Open the data set that `address` names.

    Args:
        address: `pcam:DIR`, `kaggle:DIR`, `folder:DIR`, `medmnist:FILE.npz`, `csv:FILE`,
            `slides:DIR`, `synthetic:patches[?n=2000&seed=1]`, or the bare path of one that lies on the disk.

    Raises:
        DataNotFoundError: There is nothing at the path, or nothing in any known layout.
        DataError: The path fits two layouts, or the data set is not what its layout says.
    """
    scheme, colon, rest = address.partition(":")
    if colon and scheme == "synthetic":
        return _open_synthetic(rest)
    if colon and scheme in _LAYOUTS:
        return _layout(scheme).open_path(_existing(rest))
    path = _existing(address)
    return _layout(recognise(path)).open_path(path)


def open_configured(config: DataConfig, cache: Path, progress: Progress) -> Source:
    """Open the data set that `config` describes; of slides as they lie there, tiles are drawn if the cache has none.

    Args:
        config: The recipe's `[data]`.
        cache: Folder that drawn tiles are kept in.
        progress: Where to show how far drawing is.

    Raises:
        DataNotFoundError: See `open_source`.
        DataError: See `open_source`, and `sentinode.data.tiles.tile_sampler`.
    """
    scheme, _, rest = config.source.partition(":")
    if config.tiles is None or scheme != "slides":
        return open_source(config.source)
    from sentinode.data.tiles.cached_tiles import drawn_folder

    return open_source(f"slides:{drawn_folder(_existing(rest), config.tiles, cache, progress)}")


def recognise(path: Path) -> str:
    """The scheme whose layout lies at `path`.

    Raises:
        DataNotFoundError: None fits; the message lists what was looked for.
        DataError: More than one fits.
    """
    found = [scheme for scheme in _LAYOUTS if _layout(scheme).recognises(path)]
    if len(found) == 1:
        return found[0]
    if found:
        choices = " or ".join(f"{scheme}:{path}" for scheme in found)
        raise DataError(f"{path} fits more than one layout; say which one is meant: {choices}")
    raise DataNotFoundError(f"{path} holds no data set in a known layout; looked for {_looked_for()}")


def _looked_for() -> str:
    return "; ".join(f"{scheme}: {layout}" for scheme, (_, layout) in _LAYOUTS.items())


def _layout(scheme: str) -> Layout:
    # Imported on demand: reading a folder must not need h5py, nor reading HDF5 anything of the other layouts.
    return cast(Layout, importlib.import_module(f"sentinode.data.sources.{_LAYOUTS[scheme][0]}"))


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if text and path.exists():
        return path
    known = ", ".join([f"{scheme}:" for scheme in _LAYOUTS] + ["synthetic:patches"])
    raise DataNotFoundError(f"there is no data set at {text!r}; give an existing path, alone or after one of {known}")


def _open_synthetic(rest: str) -> Source:
    name, _, query = rest.partition("?")
    if name != "patches":
        raise DataNotFoundError(f"there is no synthetic data set named {name!r}; use synthetic:patches")
    try:
        parameters = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        message = f"can't read {query!r} in synthetic:{rest}; write parameters as in synthetic:patches?n=2000&seed=1"
        raise DataError(message) from error
    from sentinode.data.synthetic.patches import SyntheticPatches

    return SyntheticPatches(parameters)
