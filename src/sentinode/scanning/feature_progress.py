"""The features and scores of a slide's tiles so far, on the disk; of the features nothing is held in memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.models.extractor import Embedded
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import Bag, BagFacts, BagGrid, BagSlide
from sentinode.models.mil.file_rows import read_rows
from sentinode.scanning.progress_file import HEADER, RECORD, BatchFile
from sentinode.scanning.scan_record import SlideFacts
from sentinode.slides.tile_plan import TilePlan


class FeatureProgress(BatchFile):
    """Of each tile its features as float16 and its scores as float32; a tile that could not be read has neither."""

    def __init__(self, path: Path, key: str, *, tiles: int, size: int, classes: int, batch: int) -> None:
        """As `BatchFile`.

        Args:
            path: See there.
            key: See there.
            tiles: N.
            size: D, the length of a tile's features.
            classes: Scores of a tile; 0: it has none.
            batch: See there.
        """
        self.scores = np.full((tiles, classes), np.nan, np.float32)
        """(N, classes) what is known so far."""
        self.read = np.zeros(tiles, bool)
        """(N,) which tiles were read."""
        self.size = size
        numbers, row_bytes = size + classes, 2 * size + 4 * classes
        super().__init__(path, key, tiles=tiles, numbers=numbers, row_bytes=row_bytes, batch=batch)

    def append(self, found: Embedded, unreadable: list[int]) -> None:
        """Add what a network made of the next batch.

        Args:
            found: Of n tiles; its features are rounded to float16.
            unreadable: The places among them of tiles that could not be read.

        Raises:
            DataError: A feature or score of a tile that was read is no finite number, or too large for float16.
            StorageError: The disk is full; what was added before is kept.
        """
        read = np.ones(len(found.embedding), bool)
        read[unreadable] = False
        with np.errstate(over="ignore"):
            features = found.embedding.astype("<f2")
        if not np.isfinite(features[read]).all():
            raise DataError(
                "the network gives features that are no finite numbers, or beyond ±65,504, the most of float16; use "
                "another"
            )
        features[~read] = np.nan
        scores = np.full((len(read), self.scores.shape[1]), np.nan, "<f4")
        if found.probabilities is not None:
            if not np.isfinite(found.probabilities[read]).all():
                raise DataError("the network gives probabilities that are no finite numbers; use another")
            scores[read] = found.probabilities[read]
        self._append(len(read), features.tobytes() + scores.tobytes())

    def bag(self, key: str, space: FeatureSpace, names: tuple[str, ...], slide: SlideFacts, plan: TilePlan) -> Bag:
        """The bag of all tiles that were read; to be used before the file is removed.

        Args:
            key: Of the work.
            space: What the features mean.
            names: Of the scores.
            slide: The slide.
            plan: Its tiles, all of which are done.

        Raises:
            DataError: No tile was read.
        """
        facts = BagFacts(
            name=slide.name,
            space=space,
            grid=BagGrid(tile_px=plan.spec.size_px, mpp=plan.spec.mpp, step_px=plan.spec.step_px),
            slide=BagSlide.model_validate(slide.model_dump(include=set(BagSlide.model_fields))),
            score_names=names,
            key=key,
            unreadable=int((~self.read).sum()),
        )
        coords = np.stack([plan.x0[self.read], plan.y0[self.read]], axis=1)
        return Bag(facts, self.rows(), coords, self.scores[self.read] if names else None)

    def rows(self) -> "ProgressRows":
        """The features of the tiles that were read, in their order; to be used before the file is removed."""
        return ProgressRows(self._path, np.flatnonzero(self.read), self.size, self._row_bytes, self._batch)

    def _take(self, rows: slice, content: bytes) -> None:
        count = rows.stop - rows.start
        features = np.frombuffer(content, "<f2", count * self.size).reshape(count, self.size)
        self.read[rows] = ~np.isnan(features[:, 0])
        self.scores[rows] = np.frombuffer(content, "<f4", offset=2 * features.size).reshape(count, -1)


@dataclass(frozen=True)
class ProgressRows:
    """The features of a `FeatureProgress`, as a bag takes them."""

    path: Path
    kept: NDArray[np.int64]
    """(n,) numbers of the tiles, rising."""
    size: int
    row_bytes: int
    batch: int

    @property
    def shape(self) -> tuple[int, int]:
        """(n, D)."""
        return len(self.kept), self.size

    def __getitem__(self, places: Any, /) -> NDArray[np.float16]:
        """The rows at these places: (m, D)."""
        wanted = self.kept[places]
        taken = np.empty((len(wanted), self.size), np.float16)
        with self.path.open("rb", buffering=0) as file:
            for number in np.unique(wanted // self.batch).tolist():
                start = HEADER.size + number * (RECORD.size + self.row_bytes * self.batch) + RECORD.size
                mine = wanted // self.batch == number
                taken[mine] = read_rows(file, start, taken.dtype, self.size, wanted[mine] - number * self.batch)
        return taken
