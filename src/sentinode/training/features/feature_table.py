"""Features of a data set's images beside what is known of each: one row an image, kept as one Parquet file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sentinode.core.errors import DataError, DataNotFoundError, EvaluationError, StorageError
from sentinode.core.files import atomic_file
from sentinode.models.feature_space import FeatureSpace

_META = b"sentinode.features"
_VERSION = 1
_SCORE = "p_"


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """N images with D features each, in the manifest's order."""

    ids: list[str]
    paths: list[str]
    labels: NDArray[np.int64]
    """(N,) places in `class_names`."""

    groups: list[str] | None
    """Slide or patient of each image; None unless all are known."""

    splits: list[str]
    """train, validation or test."""

    class_names: tuple[str, ...]
    """Names of the classes; of two the positive one comes last."""

    positive: str | None
    """The positive class; known for two classes."""

    values: NDArray[np.float32]
    """(N, D)."""

    columns: tuple[str, ...]
    """Names of the D features."""

    probabilities: NDArray[np.float32] | None
    """(N, K) of a bundle's own classes `score_names`; None for other features."""

    space: FeatureSpace
    """What the features are. Features of two tables go together only if it is equal."""

    data_sha256: str
    """The manifest's hash."""

    score_names: tuple[str, ...] = ()
    """The classes that `probabilities` are of."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def truths(self) -> NDArray[np.int64]:
        """(N,) 1 for an image of the positive class, else 0.

        Raises:
            EvaluationError: There is no positive class.
        """
        if self.positive is None:
            raise EvaluationError(f"none of the {len(self.class_names)} classes is the positive one; set data.positive")
        return np.asarray(self.labels == self.class_names.index(self.positive), dtype=np.int64)

    def of(self, *splits: str) -> Self:
        """The images of these splits, in the table's order."""
        return self.take(np.flatnonzero(np.isin(self.splits, splits)))

    def take(self, index: NDArray[np.integer] | Sequence[int]) -> Self:
        """The images at these places, in this order."""
        places = np.asarray(index, dtype=np.int64)

        def picked(values: list[str]) -> list[str]:
            return [values[place] for place in places]

        return replace(
            self,
            ids=picked(self.ids),
            paths=picked(self.paths),
            labels=self.labels[places],
            groups=None if self.groups is None else picked(self.groups),
            splits=picked(self.splits),
            values=self.values[places],
            probabilities=None if self.probabilities is None else self.probabilities[places],
        )

    def save(self, path: Path) -> None:
        """Write one Parquet file: id, path, group, label, split, `p_` and a class's name, then the features.

        Raises:
            StorageError: It can't be written.
        """
        missing = [None] * len(self)
        known: dict[str, Any] = {
            "id": pa.array(self.ids, pa.string()),
            "path": pa.array(self.paths, pa.string()),
            "group": pa.array(missing if self.groups is None else self.groups, pa.string()),
            "label": pa.array([self.class_names[label] for label in self.labels], pa.string()),
            "split": pa.array(self.splits, pa.string()),
        }
        scores = np.empty((len(self), 0), np.float32) if self.probabilities is None else self.probabilities
        names = [f"{_SCORE}{name}" for name in self.score_names]
        table = pa.Table.from_arrays(
            [*known.values(), *map(pa.array, np.ascontiguousarray(scores.T)), *map(pa.array, self.values.T)],
            names=[*known, *names, *self.columns],
        )
        table = table.replace_schema_metadata({_META: json.dumps(self._meta()).encode()})
        with atomic_file(path) as temporary:
            pq.write_table(table, temporary)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataNotFoundError: There is no such file.
            DataError: It is not a table of features, or one of another version.
        """
        if not path.is_file():
            raise DataNotFoundError(f"{path} does not exist; give a file that `sentinode features` wrote")
        try:
            table = pq.read_table(path)
            meta = json.loads((table.schema.metadata or {})[_META])
            if meta["version"] != _VERSION:
                raise DataError(f"{path} has version {meta['version']} of the format, this one reads {_VERSION}")
            return cls(**_fields(table, meta))
        except (pa.ArrowInvalid, KeyError, json.JSONDecodeError) as error:
            raise DataError(f"{path} is no table of features; give a file that `sentinode features` wrote") from error

    def _meta(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "class_names": self.class_names,
            "positive": self.positive,
            "score_names": self.score_names,
            "columns": self.columns,
            "space": asdict(self.space),
            "data_sha256": self.data_sha256,
        }


def check_place(path: Path) -> None:
    """Refuse a file that is something else than an earlier table: it would be replaced.

    Raises:
        StorageError: It is.
    """
    if not path.exists():
        return
    try:
        known = path.is_file() and _META in (pq.read_schema(path).metadata or {})
    except pa.ArrowInvalid:
        known = False
    if not known:
        raise StorageError(f"{path} is something else than a table of features; choose another --out")


def _fields(table: pa.Table, meta: dict[str, Any]) -> dict[str, Any]:
    def matrix(names: Sequence[str]) -> NDArray[np.float32]:
        parts = [table.column(name).to_numpy() for name in names]
        return np.stack(parts, axis=1).astype(np.float32) if parts else np.empty((table.num_rows, 0), np.float32)

    names, scores = tuple(meta["class_names"]), tuple(meta["score_names"])
    place = {name: number for number, name in enumerate(names)}
    groups = table.column("group").to_pylist()
    return {
        "ids": table.column("id").to_pylist(),
        "paths": table.column("path").to_pylist(),
        "labels": np.array([place[name] for name in table.column("label").to_pylist()], dtype=np.int64),
        "groups": None if None in groups or not groups else groups,
        "splits": table.column("split").to_pylist(),
        "class_names": names,
        "positive": meta["positive"],
        "values": matrix(meta["columns"]),
        "columns": tuple(meta["columns"]),
        "probabilities": matrix([f"{_SCORE}{name}" for name in scores]) if scores else None,
        "space": FeatureSpace(**{**meta["space"], "pooling": tuple(meta["space"].get("pooling", ()))}),
        "data_sha256": meta["data_sha256"],
        "score_names": scores,
    }
