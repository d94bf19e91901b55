"""What every source of labelled images gives: its classes, its records, and the pixels of each, one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

_POSITIVE_NAMES = frozenset(
    {"1", "tumour", "tumor", "tum", "metastasis", "metastases", "metastatic", "cancer", "carcinoma", "malignant"}
    | {"positive", "pos"}
)


@dataclass(frozen=True, slots=True)
class Record:
    """One image of a source, without its pixels."""

    id: str
    """Unique in the source, and the same wherever the data set lies: a relative path, a published id, split/number."""

    path: str
    """Where a person finds the image: a file, or an archive with the position in it (`x.h5#17`)."""

    label: str | None
    """Name of its class; None: the source has no label for it."""

    group: str | None
    """The slide or patient that it comes from; None: not known."""

    split: str | None
    """The source's own split that it lies in; None: the source has none."""

    centre: str | None = None
    """The hospital or laboratory that it comes from; None: not known."""

    synthetic: bool = False
    """Whether a generator drew it: to train on, never to measure by."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One sample that was left out, and why."""

    kind: str
    """A short name that exclusions are counted by, such as `missing label`."""

    id: str
    """The record's id."""

    detail: str = ""
    """What exactly is wrong with it."""


class Source(Protocol):
    """A set of labelled images in one public layout. Opening one reads names and labels, not pixels."""

    @property
    def address(self) -> str:
        """The full address, `scheme:rest`, which opens this source again."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that a record's label may have, in the source's order."""

    @property
    def positive(self) -> str | None:
        """Name of the positive class; None where the source does not know it."""

    @property
    def records(self) -> Sequence[Record]:
        """Every image, in an order in which reading is fast."""

    @property
    def exclusions(self) -> Sequence[Exclusion]:
        """What the source itself leaves out, such as published bad ids."""

    def read(self, index: int) -> NDArray[np.uint8]:
        """Pixels of `records[index]`: (H, W, 3) uint8 RGB. Safe to call from several threads.

        Raises:
            DataNotFoundError: The image is not where the source says.
            ImageError: It can't be decoded, or not without inventing information.
        """

    def fingerprint(self) -> str:
        """A hash that changes when the images do, from names, sizes and times alone; no pixel is read."""


@runtime_checkable
class Scaled(Protocol):
    """A source that knows the physical size of its images."""

    @property
    def mpp(self) -> float:
        """µm per pixel."""


@runtime_checkable
class Contextual(Protocol):
    """A source that may know what lies around its images."""

    @property
    def has_context(self) -> bool:
        """Whether it does."""

    def read_pair(self, index: int) -> NDArray[np.uint8]:
        """Pixels of `records[index]`, and of its context (see `core.context`): (2, S, S, 3) uint8 RGB.

        Raises:
            DataNotFoundError, ImageError: As for `Source.read`.
        """


def has_context(source: Source) -> bool:
    """Whether a source knows what lies around its images."""
    return isinstance(source, Contextual) and source.has_context


def recognise_positive(class_names: Sequence[str]) -> str | None:
    """The one class whose name says that it is the positive one (tumour, metastasis, 1, …); None if not exactly one.

    For two classes only: of nine tissue classes none is the positive one unless the user says so.
    """
    found = [name for name in class_names if name.casefold() in _POSITIVE_NAMES]
    return found[0] if len(class_names) == 2 and len(found) == 1 else None
