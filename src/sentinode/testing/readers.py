"""What every reader of slides does alike, whatever the file: edges, odd sizes, outside, levels, threads, closing.

A package with a reader inherits the suite, and gives a small slide whose pixels it knows:

    class TestMyReader(ReaderTests):
        @pytest.fixture
        def case(self, tmp_path):
            levels = [pixels, pixels[::2, ::2]]
            write_my_format(tmp_path / "a.mine", levels)
            return ReaderCase(lambda: MyReader(tmp_path / "a.mine", 1 << 20), levels)
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

from sentinode.core.errors import SlideReadError
from sentinode.slides.reader import Pixels, Reader


@dataclass(frozen=True, eq=False)
class ReaderCase:
    """A slide's file and what its levels hold."""

    open: Callable[[], Reader]
    """A new reader of the file at each call; the test closes it."""
    levels: Sequence[Pixels]
    """(h, w, 3) uint8 each: at least 100 × 100 px at level 0, no pixel white, downsamples that are whole numbers."""
    slack: int = 0
    """Grey levels by which the file's compression rounds."""


class ReaderTests:
    """The contract of `slides.reader.Reader`. Give the fixture `case`; add tests of what is the reader's own."""

    @pytest.fixture
    def case(self) -> ReaderCase:
        """The slide to read. To be given by the class that inherits."""
        raise NotImplementedError("give the fixture `case`: a slide's file and the pixels of its levels")

    def test_facts(self, case: ReaderCase) -> None:
        """The file is there, properties are text, µm/px has a source."""
        reader = case.open()
        facts = reader.facts
        assert facts.reader
        assert facts.path.is_file()
        assert all(isinstance(text, str) for pair in facts.properties.items() for text in pair)
        assert (facts.mpp is None) == facts.mpp_source.startswith("none")
        assert list(facts.associated) == sorted(facts.associated)
        reader.close()

    def test_levels(self, case: ReaderCase) -> None:
        """Sizes as they are in the file; downsamples are the ratios of the sides."""
        reader = case.open()
        levels = reader.facts.levels
        assert [(level.height, level.width) for level in levels] == [pixels.shape[:2] for pixels in case.levels]
        for level in levels:
            assert level.downsample_x == pytest.approx(levels[0].width / level.width, rel=0.01)
            assert level.downsample_y == pytest.approx(levels[0].height / level.height, rel=0.01)
        reader.close()

    def test_whole_levels(self, case: ReaderCase) -> None:
        """Every pixel of every level."""
        reader = case.open()
        for number, pixels in enumerate(case.levels):
            _check(reader, case, number, 0, 0, pixels.shape[1], pixels.shape[0])
        reader.close()

    def test_rectangles_anywhere(self, case: ReaderCase) -> None:
        """Rectangles that don't fall on the file's own tiles, and reach beyond the level."""
        reader, random = case.open(), np.random.default_rng(2)
        for number, pixels in enumerate(case.levels):
            for _ in range(6):
                width, height = (int(side) for side in random.integers(1, 150, 2))
                x, y = int(random.integers(-30, pixels.shape[1])), int(random.integers(-30, pixels.shape[0]))
                _check(reader, case, number, x, y, width, height)
        reader.close()

    @pytest.mark.parametrize(("left", "top"), [(-10, -7), (-500, 20), (20, -500), (5000, 5000)])
    def test_outside_is_white(self, case: ReaderCase, left: int, top: int) -> None:
        """What lies outside the slide."""
        reader = case.open()
        _check(reader, case, 0, left, top, 97, 61)
        reader.close()

    def test_one_pixel_at_each_corner(self, case: ReaderCase) -> None:
        """The corners of the smallest level, where a shift by a pixel shows."""
        reader, last = case.open(), len(case.levels) - 1
        height, width = case.levels[last].shape[:2]
        for x in (0, width - 1):
            for y in (0, height - 1):
                _check(reader, case, last, x, y, 1, 1)
        reader.close()

    @pytest.mark.parametrize("once", [False, True])
    def test_reading_into_an_array_gives_the_same(self, case: ReaderCase, once: bool) -> None:
        """Whether or not the pixels are asked for again, at the edge and inside."""
        reader = case.open()
        for x, y in ((0, 0), (-5, -3), (case.levels[0].shape[1] - 20, 7)):
            out = np.full((48, 64, 3), 99, np.uint8)
            reader.read_into(0, x, y, out, once=once)
            assert np.array_equal(out, reader.read(0, x, y, 64, 48))
        reader.close()

    def test_four_threads_read_what_one_reads(self, case: ReaderCase) -> None:
        """Reading is safe from several threads."""
        height, width = case.levels[0].shape[:2]
        places = [(x, y) for y in range(-20, height, 37) for x in range(-20, width, 53)]
        one, four = case.open(), case.open()
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda place: four.read(0, place[0], place[1], 71, 59), places))
        for place, pixels in zip(places, together, strict=True):
            assert np.array_equal(one.read(0, *place, 71, 59), pixels)
        one.close()
        four.close()

    def test_what_was_read_belongs_to_the_caller(self, case: ReaderCase) -> None:
        """A caller that changes its pixels changes no later reading."""
        reader = case.open()
        before = reader.read(0, 0, 0, 64, 48).copy()
        reader.read(0, 0, 0, 64, 48)[...] = 7
        assert np.array_equal(reader.read(0, 0, 0, 64, 48), before)
        reader.close()

    def test_associated_images(self, case: ReaderCase) -> None:
        """Those that are named can be read; another is an error that names it."""
        reader = case.open()
        for name in reader.facts.associated:
            assert reader.read_associated(name).shape[2] == 3
        with pytest.raises(SlideReadError, match="no associated image 'barcode'"):
            reader.read_associated("barcode")
        reader.close()

    def test_a_level_that_is_not_there(self, case: ReaderCase) -> None:
        """Is an error that names it."""
        reader = case.open()
        for level in (-1, len(case.levels)):
            with pytest.raises(SlideReadError, match=f"level {level}"):
                reader.read(level, 0, 0, 5, 5)
        reader.close()

    def test_closing(self, case: ReaderCase) -> None:
        """Twice is fine; reading afterwards is an error."""
        reader = case.open()
        reader.read(0, 0, 0, 5, 5)
        reader.close()
        reader.close()
        with pytest.raises(SlideReadError, match="is closed"):
            reader.read(0, 0, 0, 5, 5)


def _check(reader: Reader, case: ReaderCase, level: int, x: int, y: int, width: int, height: int) -> None:
    pixels = reader.read(level, x, y, width, height)
    assert pixels.shape == (height, width, 3)
    assert pixels.dtype == np.uint8
    truth = np.full((height, width, 3), 255, np.int16)
    rows = [row for row in range(height) if 0 <= y + row < case.levels[level].shape[0]]
    columns = [column for column in range(width) if 0 <= x + column < case.levels[level].shape[1]]
    truth[np.ix_(rows, columns)] = case.levels[level][np.ix_([y + row for row in rows], [x + c for c in columns])]
    assert np.abs(pixels - truth).max() <= case.slack
