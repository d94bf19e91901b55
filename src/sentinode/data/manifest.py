"""The one table that everything after it goes by: which image, which class, which slide, which side of the split."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.files import atomic_file, sha256_of_json
from sentinode.data.source import Exclusion

Grouping = Literal["source", "group", "stain", "none"]
"""How the split was made: by the source itself, or cut by group, by clusters of similar stain, or image by image."""

COLUMNS = ("id", "path", "label", "group", "cluster", "copies", "split", "row", "pixels", "centre")
"""Columns of `Manifest.table`."""

_META = b"sentinode"


@dataclass(frozen=True, eq=False)
class Manifest:
    """The samples of a data set that passed every check, each with its split, and what was left out."""

    table: pd.DataFrame
    """One line a sample: `id`, `path`, `label` (class name), `group` (slide or patient), `cluster` (of similar stain,
    where those stood for slides), `copies` (id of the first image of a set of near copies), `split` (train, validation
    or test), `row` in the pack's tiles, `pixels` (hash of the pixels), `centre` (hospital). Group, cluster, copies and
    centre are missing values where they are not known or there are none; tables of early versions have no centre."""

    class_names: tuple[str, ...]
    """Names of the classes: of two the positive one comes last; otherwise in the source's order."""

    positive: str | None
    """The positive class; always known for two classes."""

    exclusions: tuple[Exclusion, ...]
    """Every sample that was left out."""

    grouping: Grouping
    """How the split was made."""

    @cached_property
    def hash(self) -> str:
        """SHA-256 over what the samples are (id, label, group, split, pixels), in any order and wherever they lie."""
        return self._hash_of("id", "label", "group", "split", "pixels")

    @cached_property
    def split_hash(self) -> str:
        """SHA-256 over which sample (id, pixels) is in which split."""
        return self._hash_of("id", "pixels", "split")

    def rows(self, split: str) -> NDArray[np.int64]:
        """Rows in the pack's tiles of the samples of `split`: (N,)."""
        return np.asarray(self._of(split)["row"], dtype=np.int64)

    def labels(self, split: str) -> NDArray[np.int64]:
        """Class of each sample of `split`, as its place in `class_names`: (N,)."""
        number = {name: place for place, name in enumerate(self.class_names)}
        return np.asarray(self._of(split)["label"].map(number), dtype=np.int64)

    def groups(self, split: str) -> list[str] | None:
        """Slide or patient of each sample of `split`; None unless all are known."""
        groups = self._of(split)["group"]
        return None if groups.isna().any() or groups.empty else groups.tolist()

    def ids(self, split: str) -> list[str]:
        """Id of each sample of `split`."""
        return self._of(split)["id"].tolist()

    def paths(self, split: str) -> list[str]:
        """Where a person finds each sample of `split`."""
        return self._of(split)["path"].tolist()

    def excluded(self) -> dict[str, int]:
        """How many samples were left out, by kind, the most common first."""
        return dict(Counter(exclusion.kind for exclusion in self.exclusions).most_common())

    def require(self, *splits: str) -> None:
        """Check that each of `splits` has samples.

        Raises:
            DataError: One has none.
        """
        for split in splits:
            if self._of(split).empty:
                raise DataError(
                    f"there are no {split} images; name the source's split with data.split.{split}, or give {split} a "
                    "share in data.split.fractions"
                )

    def save(self, path: Path) -> None:
        """Write the manifest as one Parquet file, with its hash.

        Raises:
            StorageError: It can't be written.
        """
        meta = {
            "class_names": self.class_names,
            "positive": self.positive,
            "grouping": self.grouping,
            "exclusions": [asdict(exclusion) for exclusion in self.exclusions],
            "hash": self.hash,
        }
        table = pa.Table.from_pandas(self.table, preserve_index=False)
        table = table.replace_schema_metadata({**table.schema.metadata, _META: json.dumps(meta).encode()})
        with atomic_file(path) as temporary:
            pq.write_table(table, temporary)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a manifest that `save` wrote.

        Raises:
            DataNotFoundError: There is no such file.
            DataError: It is not a manifest, or its content is not what its hash says.
        """
        if not path.is_file():
            raise DataNotFoundError(f"{path} does not exist; give the split.parquet of a run")
        try:
            table = pq.read_table(path)
            meta = json.loads((table.schema.metadata or {})[_META])
        except (pa.ArrowInvalid, KeyError, ValueError) as error:
            raise DataError(f"{path} is not a manifest; give the split.parquet of a run") from error
        exclusions = tuple(Exclusion(**exclusion) for exclusion in meta["exclusions"])
        names = tuple(meta["class_names"])
        loaded = cls(table.to_pandas(), names, meta["positive"], exclusions, meta["grouping"])
        if loaded.hash != meta["hash"]:
            raise DataError(f"{path} was changed after it was written (its hash differs); restore it from its run")
        return loaded

    def hash_of(self, split: str) -> str:
        """SHA-256 over what the samples of a split are (id, label, group, pixels), in any order, wherever they lie."""
        return replace(self, table=self._of(split))._hash_of("id", "label", "group", "pixels")

    def _of(self, split: str) -> pd.DataFrame:
        return self.table[self.table["split"] == split]

    def _hash_of(self, *columns: str) -> str:
        ordered = self.table.sort_values("id", kind="stable")
        return sha256_of_json({name: ordered[name].astype(object).where(ordered[name].notna(), None).tolist()
                               for name in columns})  # fmt: skip
