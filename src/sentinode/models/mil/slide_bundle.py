"""A slide bundle: the folder that a slide model is passed on in, beside the tiles' bundle that it stands on.

Two graphs, so that a slide of any size fits in memory: `encoder.onnx` takes the features of some tiles (n, D) to hidden
ones (n, H); `aggregator.onnx` takes all of these (N, H) to the slide's probabilities and the attention to each tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sentinode.core.errors import BundleError, DataError
from sentinode.core.settings import Settings
from sentinode.models.bundle import Bundle, open_bundle, read_arrays
from sentinode.models.bundle_info import EXAMPLE_FILE, SLIDE_INFO_FILE, TILES_FOLDER
from sentinode.models.bundle_seal import check_seal
from sentinode.models.bundle_signature import check_trusted
from sentinode.models.mil.bag import Bag, BagGrid
from sentinode.models.mil.slide_bundle_info import (
    AGGREGATOR_FILE,
    AGGREGATOR_WEIGHTS_FILE,
    ENCODER_FILE,
    SLIDE_FILES,
    SLIDE_FORMAT_VERSION,
    SlideBundleInfo,
)
from sentinode.models.sealed_folder import check_files, read_facts

_SAME_MPP = 1e-3  # share by which two µm/px may differ and be the same


@dataclass(frozen=True)
class SlideBundle:
    """A slide bundle whose files are those that were written. Whether it answers alike, an engine finds on opening."""

    name: str
    """As it was asked for."""
    folder: Path
    info: SlideBundleInfo
    tiles: Bundle | None
    """The bundle that the features are of; None where they are of another network."""

    @property
    def sha256(self) -> str:
        """The bundle's hash: over `slide-model.json`, which lists those of every other file and of `tiles/`."""
        return str(self.info.sha256)

    @property
    def encoder(self) -> Path:
        """The ONNX file of what is computed tile by tile."""
        return self.folder / ENCODER_FILE

    @property
    def aggregator(self) -> Path:
        """The ONNX file of what is computed of all tiles."""
        return self.folder / AGGREGATOR_FILE

    @property
    def weights(self) -> Path:
        """The safetensors file of both."""
        return self.folder / AGGREGATOR_WEIGHTS_FILE

    def example(self) -> dict[str, NDArray[Any]]:
        """`features` (N, D) and what they must give, by the fields of `SlideAnswer`."""
        return read_arrays(self.folder / EXAMPLE_FILE)

    def check_bag(self, bag: Bag) -> None:
        """Refuse a bag of other features than those that the model was fitted on.

        Raises:
            DataError: They are of another network, or of tiles of another size, µm/px or step. Calibration and
                threshold hold for the number of tiles that a step gives.
        """
        space, wanted = bag.facts.space, self.info.features
        if (space.sha256, space.tile_size, bag.size) != (wanted.sha256, wanted.tile_size, self.info.feature_size):
            raise DataError(
                f"bag {bag.name} has {bag.size} features of {space.name}, and {self.name} was fitted on "
                f"{self.info.feature_size} of {wanted.name}; compute the features with that"
            )
        grid, own = bag.facts.grid, self.info.grid
        if grid and own and not _same_grid(grid, own):
            raise DataError(
                f"bag {bag.name} is of tiles of {_in_words(grid)}, and {self.name} was fitted on {_in_words(own)}; "
                "compute the features so"
            )


def _same_grid(one: BagGrid, other: BagGrid) -> bool:
    sizes = (one.tile_px, one.step_px) == (other.tile_px, other.step_px)
    return sizes and abs(one.mpp / other.mpp - 1) <= _SAME_MPP


def _in_words(grid: BagGrid) -> str:
    return f"{grid.tile_px} px at {grid.mpp:.4g} µm/px, {grid.step_px} px apart"


def is_slide_bundle(name: str | Path) -> bool:
    """Whether `name` is a slide bundle's folder; nothing is read or checked."""
    return (Path(name).expanduser() / SLIDE_INFO_FILE).is_file()


def open_slide_bundle(name: str | Path, *, trust: Sequence[Path] | None = None) -> SlideBundle:
    """Open a slide bundle and check that every file is the one that was written, those of `tiles/` too.

    Args:
        name: The folder.
        trust: As for `open_bundle`; the signature is that of the slide bundle, whose hash is over `tiles/` too.

    Raises:
        BundleError: There is no such bundle, its format is newer than this package, a file is missing or was changed;
            or none of the keys has signed it.
    """
    folder = Path(name).expanduser()
    path = folder / SLIDE_INFO_FILE
    if not path.is_file():
        raise BundleError(f"{folder} is no slide bundle: it has no {SLIDE_INFO_FILE}; give the folder that holds it")
    info, fields = read_facts(path, SlideBundleInfo, SLIDE_FORMAT_VERSION)
    check_seal(path, fields)
    if unknown := set(info.files) - SLIDE_FILES:
        raise BundleError(
            f"{path} lists files that no slide bundle has: {', '.join(sorted(unknown))}; get the bundle again"
        )
    check_files(folder, SLIDE_FILES, info.files)
    bundle = SlideBundle(str(name), folder, info, _tiles(folder, info))
    if keys := Settings.from_environment().trust if trust is None else trust:
        check_trusted(folder, bundle.sha256, keys)
    return bundle


def _tiles(folder: Path, info: SlideBundleInfo) -> Bundle | None:
    if info.tile_bundle is None:
        return None
    tiles = open_bundle(folder / TILES_FOLDER, trust=())  # the slide bundle's signature is over it
    if tiles.sha256 != info.tile_bundle:
        raise BundleError(
            f"{tiles.folder} is another bundle than the one that {folder} was made with: its SHA-256 is "
            f"{tiles.sha256}, not {info.tile_bundle}; get the bundle again"
        )
    return tiles
