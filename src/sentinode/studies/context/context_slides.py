"""The slides of a study of context: composed of patches of one source, to learn from and to be tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.core.csv_table import read_table
from sentinode.core.errors import DataError
from sentinode.core.progress import Advance, Progress
from sentinode.core.settings import Settings
from sentinode.data.address import open_source
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.data.source_splits import split_of_name
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.data.tiles.tile_sampler import draw_into
from sentinode.slides.composition import compose_slides
from sentinode.studies.composition_study import labelled_patches
from sentinode.studies.context.context_protocol import ContextProtocol

_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True, eq=False)
class TestedSlide:
    """A slide whose every cell is known."""

    path: Path
    columns: NDArray[np.int64]
    """(N,) of each cell of tissue."""
    rows: NDArray[np.int64]
    lesion: NDArray[np.int32]
    """(rows, columns) number of the lesion, from 1; 0: none."""

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def lesion_cells(self) -> NDArray[np.int64]:
        """(L,) cells of each lesion."""
        return np.bincount(self.lesion.ravel())[1:].astype(np.int64)


def splits_of(address: str) -> tuple[str, str]:
    """The source's own splits to learn from and to be tested on: test, or else validation.

    Raises:
        DataError: It has not both.
    """
    names = {record.split for record in open_source(address).records if record.split is not None}
    usual = {split_of_name(name): name for name in sorted(names)}
    tested = usual.get("test") or usual.get("validation")
    if "train" not in usual or tested is None:
        found = ", ".join(sorted(names)) or "none"
        raise DataError(
            f"{address} has no splits called train and test or validation (its splits: {found}); give patches that are "
            "split by slide, so that no slide is on both sides"
        )
    return usual["train"], tested


def compose_cohorts(out: Path, address: str, protocol: ContextProtocol, advance: Advance) -> None:
    """Compose `out/training-slides` and `out/tested-slides`, unless they are there; `advance` after each slide."""
    train, test = splits_of(address)
    cohorts = {
        "training-slides": (train, protocol.training_slides, protocol.training_lesions, 1),
        "tested-slides": (test, protocol.tested_slides, protocol.tested_lesions, 2),
    }
    for name, (split, slides, lesions, seed) in cohorts.items():
        if (out / name).is_dir():  # made as a whole or not at all
            advance(slides)
            continue
        compose_slides(
            labelled_patches(address, split), out / name, slides=slides, columns=protocol.columns, rows=protocol.rows,
            mpp=protocol.mpp, scale=1, seed=seed, lesions=lesions, lesion_cells=protocol.lesion_cells, advance=advance,
        )  # fmt: skip


def draw_training_tiles(out: Path, protocol: ContextProtocol, settings: Settings, progress: Progress) -> Dataset:
    """Tiles of the training slides with their context, packed; drawn into `out/tiles`.

    Raises:
        DataError: There are none of a class.
    """
    draw_into(out / "tiles", list_annotated_slides([out / "training-slides"], []), protocol.tiles, progress)
    config = DataConfig.model_validate(protocol.recipe("", 0, f"slides:{out / 'tiles'}", "none").data.model_dump())
    return load_dataset(config, cache=settings.cache, progress=progress, context=True)


def read_tested_slides(folder: Path) -> list[TestedSlide]:
    """The slides of a composed cohort, by name."""
    return [_read(path) for path in sorted(folder.glob("*.tif"))]


def _read(path: Path) -> TestedSlide:
    names = ("column", "row", "label")
    cells = [[int(row[name]) for name in names] for row in read_table(path.with_suffix(".csv")).rows(names)]
    columns, rows, labels = (np.array(values, np.int64) for values in zip(*cells, strict=True))
    tumour = np.zeros((rows.max() + 1, columns.max() + 1), bool)
    tumour[rows, columns] = labels == 1
    return TestedSlide(path, columns, rows, np.asarray(ndimage.label(tumour, _EIGHT)[0], np.int32))


def cells_of(slides: Sequence[TestedSlide]) -> list[int]:
    """Cells of tissue of each slide: how answers that lie one behind the other are told apart."""
    return [len(slide.columns) for slide in slides]
