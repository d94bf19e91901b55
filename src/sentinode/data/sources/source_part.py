"""Some splits of a source as a source of their own, so that a test part is packed without the rest."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import sha256_of_json
from sentinode.data.source import Contextual, Exclusion, Record, Source, has_context


class SourcePart:
    """The images of one split; implements `sentinode.data.source.Source`, and `Contextual`."""

    def __init__(self, source: Source, split: str) -> None:
        """Take the records of `source` whose own split is `split`."""
        self._source = source
        self._split = split
        self.address = source.address
        self.class_names = source.class_names
        self.positive = source.positive

    @cached_property
    def _places(self) -> tuple[int, ...]:
        return tuple(place for place, one in enumerate(self._source.records) if one.split == self._split)

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Those of the split, in the source's order."""
        records = self._source.records
        return tuple(records[place] for place in self._places)

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """None: what the source leaves out has no split."""
        return ()

    def read(self, index: int) -> NDArray[np.uint8]:
        """Pixels of `records[index]`; see `Source.read`."""
        return self._source.read(self._places[index])

    @property
    def has_context(self) -> bool:
        """As the source."""
        return has_context(self._source)

    def read_pair(self, index: int) -> NDArray[np.uint8]:
        """Pixels of `records[index]` and of its context; see `Contextual.read_pair`."""
        assert isinstance(self._source, Contextual)  # asked only where it has context
        return self._source.read_pair(self._places[index])

    def fingerprint(self) -> str:
        """A hash of the source's and of the split's name."""
        return sha256_of_json([self._source.fingerprint(), self._split])
