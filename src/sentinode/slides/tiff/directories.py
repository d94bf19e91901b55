"""The directories of a TIFF file (TIFF 6.0 and BigTIFF): tags, and tables read as arrays when they are asked for.

Our own rather than a library's, for two reasons: a file that ends too early must be refused on opening, where libraries
go on with the directories that are left, and the tables of a large slide become arrays without a Python number each.
"""

import os
import struct
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SlideError, UnsupportedSlideError

# TIFF 6.0 p. 15 and BigTIFF: number of a field type → numpy's type. Rationals are read as pairs; IFD types as offsets.
_TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 5: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 10: "i4", 11: "f4", 12: "f8"}
_TYPES |= {13: "u4", 16: "u8", 17: "i8", 18: "u8"}
_RATIONAL = {5, 10}
_MOST_DIRECTORIES = 1000
"""Of one file, SubIFDs included: no slide has so many, and a damaged chain of directories may go on for ever."""
_MOST_TAGS = 1000
"""Of one directory: TIFF, its notes and all vendors together have some hundreds."""
_MOST_NUMBER = 2.0**63

SUB_IFDS = 330


class _Field(NamedTuple):
    kind: int
    values: int
    offset: int


class Directory:
    """One image of a TIFF file: its tags."""

    def __init__(self, file: "TiffDirectories", fields: dict[int, _Field], number: int | None) -> None:
        """Made by `TiffDirectories`; `number` is the place in the main chain, None for a SubIFD."""
        self._file = file
        self._fields = fields
        self.number = number

    def __contains__(self, tag: int) -> bool:
        return tag in self._fields

    def array(self, tag: int) -> NDArray[Any]:
        """The values of `tag`; of rationals the quotients. Empty where the tag is missing.

        Raises:
            SlideError: The values lie outside the file: it is truncated.
        """
        field = self._fields.get(tag)
        return np.empty(0, np.int64) if field is None else self._file.values(field)

    def whole_numbers(self, tag: int) -> NDArray[np.int64]:
        """The values of `tag` as whole numbers. Empty where the tag is missing.

        Raises:
            SlideError: It has text, or what is no number, or its values lie outside the file.
        """
        values = self.array(tag)
        surely = values.dtype.kind in "iu" and values.dtype != np.uint64  # a large slide's tables are long
        if not surely and (values.dtype.kind == "S" or not (np.abs(values.astype(float)) < _MOST_NUMBER).all()):
            raise SlideError(f"{self._file.path} is damaged: its tag {tag} holds no numbers; copy the file again")
        return values.astype(np.int64)

    def number_of(self, tag: int, default: int) -> int:
        """The first value of `tag` as a whole number.

        Raises:
            SlideError: As of `whole_numbers`.
        """
        values = self.whole_numbers(tag)
        return int(values[0]) if values.size else default

    def text(self, tag: int) -> str:
        """The text of `tag`; empty where it is missing."""
        return self.array(tag).tobytes().split(b"\0")[0].decode("utf-8", errors="replace")


class TiffDirectories(AbstractContextManager["TiffDirectories"]):
    """A TIFF file's directories. Close it, or use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Read the chain of directories of `path`.

        Raises:
            UnsupportedSlideError: It is not a TIFF file.
            SlideError: It ends before its directories do.
        """
        self.path = path
        self._file: BinaryIO = path.open("rb")
        self._seen: set[int] = set()
        self.size = os.fstat(self._file.fileno()).st_size
        try:
            first = self._header()
            self.chain = self._chain(first)
        except BaseException:
            self.close()
            raise

    def sub_directories(self, directory: Directory) -> list[Directory]:
        """The SubIFDs of a directory (TIFF Technical Note 1), in their order.

        Raises:
            SlideError: One of them is a directory that was read before, or there are too many.
        """
        return [
            self._new_directory(int(offset), None)[0]
            for offset in directory.whole_numbers(SUB_IFDS)[:_MOST_DIRECTORIES]
        ]

    def values(self, field: _Field) -> NDArray[Any]:
        """The values of a tag's field."""
        pairs = 2 if field.kind in _RATIONAL else 1
        kind = np.dtype(self._order + _TYPES[field.kind])
        raw: NDArray[Any] = np.frombuffer(self.bytes_at(field.offset, field.values * pairs * kind.itemsize), kind)
        if pairs == 1:
            return raw
        over, under = raw[0::2].astype(float), raw[1::2].astype(float)
        return np.asarray(np.divide(over, under, out=np.zeros_like(over), where=under != 0))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _header(self) -> int:
        head = self._file.read(16)
        self._order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        version = struct.unpack(self._order + "H", head[2:4])[0] if self._order and len(head) >= 8 else 0
        if version not in {42, 43}:
            raise UnsupportedSlideError(f"{self.path}: not a TIFF file")
        # classic: 12-byte entries counted by 2 bytes, values of up to 4 bytes in place; BigTIFF: 20, 8 and 8
        self._entry, self._inline = ("HHI", 4) if version == 42 else ("HHQ", 8)
        self._count, self._pointer = ("H", "I") if version == 42 else ("Q", "Q")
        first = head[4:8] if version == 42 else head[8:16]
        return int(struct.unpack(self._order + self._pointer, first)[0]) if len(first) == self._inline else self._cut()

    def _chain(self, offset: int) -> list[Directory]:
        found: list[Directory] = []
        while offset:
            directory, offset = self._new_directory(offset, len(found))
            found.append(directory)
        return found or self._cut()

    def _new_directory(self, offset: int, number: int | None) -> tuple[Directory, int]:
        # One that was read before would be read for ever, or its tables as often as it is named.
        if offset in self._seen or len(self._seen) == _MOST_DIRECTORIES:
            raise SlideError(f"{self.path} is damaged: its directories never end; copy the file again")
        self._seen.add(offset)
        return self._directory(offset, number)

    def _directory(self, offset: int, number: int | None) -> tuple[Directory, int]:
        wide = struct.calcsize(self._order + self._count)
        (count,) = struct.unpack(self._order + self._count, self.bytes_at(offset, wide))
        if count > _MOST_TAGS:
            raise SlideError(f"{self.path} is damaged: a directory of {count:,} tags; copy the file again")
        size = struct.calcsize(self._order + self._entry) + self._inline
        body = self.bytes_at(offset + wide, count * size + self._inline)
        fields = {}
        for place in range(0, count * size, size):
            tag, kind, values = struct.unpack_from(self._order + self._entry, body, place)
            if kind not in _TYPES:
                continue  # "readers should skip over fields containing an unexpected field type", TIFF 6.0 p. 16
            at = place + size - self._inline
            used = values * np.dtype(_TYPES[kind]).itemsize * (2 if kind in _RATIONAL else 1)
            inside = offset + wide + at
            pointed = struct.unpack_from(self._order + self._pointer, body, at)[0]
            fields[tag] = _Field(kind, values, inside if used <= self._inline else pointed)
        following = struct.unpack_from(self._order + self._pointer, body, count * size)[0]
        return Directory(self, fields, number), int(following)

    def bytes_at(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset` on.

        Raises:
            SlideError: The file ends before.
        """
        if offset + count > self.size:
            self._cut()
        self._file.seek(offset)
        return self._file.read(count)

    def _cut(self) -> Any:
        raise SlideError(f"{self.path} is truncated or damaged: it ends at byte {self.size:,}; copy the file again")
