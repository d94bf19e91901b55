"""Outlines that come and go, and how tangled they are: another one costs what it meets, however many are there."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.annotations.regions import Geometry, shapely
from sentinode.slides.annotations.tangle import MOST_CROSSINGS, OutlineLines, Tangle, crossings, tangle_of


class OutlineIndex:
    """Outlines, all different, and their tangle.

    Their lines lie in blocks, each with a tree that is never changed. A new outline is a block of its own; where the
    one before is not twice as large the two become one. So there are few blocks, and a line is seldom put into a tree
    anew (the logarithmic method of Bentley and Saxe, J. Algorithms 1, 1980).

    Example:
        >>> import shapely
        >>> index = OutlineIndex([shapely.box(0, 0, 9, 4)])
        >>> index.added(shapely.box(3, -1, 5, 8)).crossings
        4
    """

    def __init__(self, outlines: Sequence[Geometry] = (), most_crossings: int = MOST_CROSSINGS) -> None:
        """
        Raises:
            TooTangledError: They are.
        """
        self._most = most_crossings
        self._numbers = {outline: number for number, outline in enumerate(outlines)}
        self._next = len(outlines)
        lines = OutlineLines.of(outlines)
        self.tangle = tangle_of(outlines, most_crossings)
        self._boxes = _Boxes(outlines)
        self._blocks = [_Block(lines)] if lines.pieces else []
        self._asked: tuple[Geometry, OutlineLines, Tangle] | None = None

    def __contains__(self, outline: Geometry) -> bool:
        return outline in self._numbers

    def added(self, outline: Geometry) -> Tangle:
        """What another outline would add to the tangle.

        Raises:
            TooTangledError: With it they would be too tangled; no more is counted then.
        """
        if self._asked is None or self._asked[0] != outline:
            lines = OutlineLines.of([outline])
            found = lines.tangle(self._most) + self._boxes.met(outline)
            for more in self._met(lines):
                found += more
                (self.tangle + found).check(self._most)
            (self.tangle + found).check(self._most)
            self._asked = outline, lines, found
        return self._asked[2]

    def add(self, outline: Geometry) -> None:
        """Take another one in, which is not there.

        Raises:
            TooTangledError: With it they would be too tangled. Then it is not taken.
        """
        self.tangle += self.added(outline)
        assert self._asked is not None
        lines = self._asked[1]
        self._asked = None
        self._numbers[outline] = self._next
        self._boxes.add(outline, self._next)
        self._blocks.append(_Block(OutlineLines(lines.starts, lines.ends, lines.owners + self._next)))
        self._next += 1
        while len(self._blocks) > 1 and self._blocks[-2].pieces <= 2 * self._blocks[-1].pieces:
            last = self._blocks.pop()
            self._blocks[-1] = self._blocks[-1].joined(last)

    def remove(self, outline: Geometry) -> None:
        """Take one out that is there."""
        self._asked = None
        number = self._numbers.pop(outline)
        self._boxes.drop(number)
        for block in self._blocks:
            block.drop(number)
        lines = OutlineLines.of([outline])
        for less in (lines.tangle(self._most), self._boxes.met(outline), *self._met(lines)):
            self.tangle -= less

    def _met(self, lines: OutlineLines) -> Iterator[Tangle]:
        """How other lines run over those that are here; some pieces after the other."""
        for block in self._blocks:
            for one, other in block.lines.close_to(lines):
                here = block.here[other]
                one, other = one[here], other[here]
                yield Tangle(0, 2 * len(one), crossings(lines, one, block.lines, other))


class _Boxes:
    """Of outlines: the box of each, and how many corners it has."""

    def __init__(self, outlines: Sequence[Geometry]) -> None:
        self._numbers = np.arange(len(outlines))
        self._boxes = shapely.bounds(np.array(outlines, object)).reshape(-1, 4)
        self._corners = np.asarray(shapely.get_num_coordinates(np.array(outlines, object)))

    def add(self, outline: Geometry, number: int) -> None:
        self._numbers = np.append(self._numbers, number)
        self._boxes = np.vstack([self._boxes, outline.bounds])
        self._corners = np.append(self._corners, shapely.get_num_coordinates(outline))

    def drop(self, number: int) -> None:
        here = self._numbers != number
        self._numbers, self._boxes, self._corners = self._numbers[here], self._boxes[here], self._corners[here]

    def met(self, outline: Geometry) -> Tangle:
        """What an outline that is not here has to do with these."""
        left, top, right, bottom = outline.bounds
        lefts, tops, rights, bottoms = self._boxes.T
        meets = (lefts <= right) & (rights >= left) & (tops <= bottom) & (bottoms >= top)
        own = int(shapely.get_num_coordinates(outline))
        return Tangle(overlaps=own * int(meets.sum()) + int(self._corners[meets].sum()))


class _Block:
    """Lines of some outlines; those of outlines that were taken out are here no more."""

    def __init__(self, lines: OutlineLines) -> None:
        self.lines = lines
        self.here: NDArray[np.bool_] = np.ones(lines.pieces, bool)
        """(N,)"""

    @property
    def pieces(self) -> int:
        return self.lines.pieces

    def drop(self, number: int) -> None:
        self.here &= self.lines.owners != number

    def joined(self, other: "_Block") -> "_Block":
        return _Block(
            OutlineLines(
                *(
                    np.concatenate([one[self.here], two[other.here]])
                    for one, two in (
                        (self.lines.starts, other.lines.starts),
                        (self.lines.ends, other.lines.ends),
                        (self.lines.owners, other.lines.owners),
                    )
                )
            )
        )
