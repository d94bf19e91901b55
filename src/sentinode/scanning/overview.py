"""A slide seen as a whole before it is scanned: its overview and its tissue, even where some of it can't be read."""

import numpy as np

from sentinode.core.errors import SlideReadError
from sentinode.slides.reader import Pixels, Reader
from sentinode.slides.slide import Slide
from sentinode.slides.tissue.tissue_mask import Found, Survey, TissueConfig, survey
from sentinode.slides.tissue.tissue_model import TissueModel

_OVERVIEW_UM = 8.0
_PIECE_PX = 256


class TolerantReader(Reader):
    """A reader that gives white where another one can't read, and remembers where that was."""

    def __init__(self, inner: Reader) -> None:
        self._inner, self.facts = inner, inner.facts
        self.missing: list[tuple[float, float, float, float]] = []
        """Left, top, right and bottom of what could not be read, in level-0 pixels."""

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """(height, width, 3) uint8; pieces of the file's tile size that can't be read are white."""
        try:
            return self._inner.read(level, x, y, width, height)
        except SlideReadError:
            return self._in_pieces(level, x, y, width, height)

    def read_associated(self, name: str) -> Pixels:
        """As the reader behind it."""
        return self._inner.read_associated(name)

    def close(self) -> None:
        """Let the reader behind it go."""
        self._inner.close()

    def _in_pieces(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        scale = self.facts.levels[level]
        across, down = scale.tile or (_PIECE_PX, _PIECE_PX)
        out = np.full((height, width, 3), 255, np.uint8)
        for top in range(y // down * down, y + height, down):
            for left in range(x // across * across, x + width, across):
                x_from, x_to = max(left, x), min(left + across, x + width)
                y_from, y_to = max(top, y), min(top + down, y + height)
                try:
                    piece = self._inner.read(level, x_from, y_from, x_to - x_from, y_to - y_from)
                except SlideReadError:
                    edges = (x_from * scale.downsample_x, y_from * scale.downsample_y)
                    self.missing.append((*edges, x_to * scale.downsample_x, y_to * scale.downsample_y))
                else:
                    out[y_from - y : y_to - y, x_from - x : x_to - x] = piece
        return out


def survey_slide(
    slide: Slide, config: TissueConfig | None, model: TissueModel | None = None, given_mpp: float | None = None
) -> Survey:
    """The overview of a slide and its tissue.

    What the overview's level can't show is counted as tissue: a finer level may be whole there, and if it is not, the
    tiles are counted as unreadable instead of being passed over.

    Args:
        slide: With known µm/px.
        config: None: all of the slide is taken for tissue.
        model: A learned tissue model; None: rules.
        given_mpp: The user's own µm/px of level 0, with which `slide` was opened.
    """
    reader = TolerantReader(slide.reader)
    tolerant = Slide(reader, given_mpp)
    if config is None:
        mpp = max(_OVERVIEW_UM, slide.mpp.x, slide.mpp.y)
        overview = tolerant.thumbnail(mpp=mpp)
        return Survey.of(overview, Found(np.ones(overview.shape[:2], bool), {}), mpp, slide.mpp)
    seen = survey(tolerant, config, model)
    return _with_missing(seen, reader.missing) if reader.missing else seen


def _with_missing(seen: Survey, missing: list[tuple[float, float, float, float]]) -> Survey:
    before = seen.mask
    mask = before.mask.copy()
    for left, top, right, bottom in missing:
        rows = slice(int(top / before.downsample_y), int(np.ceil(bottom / before.downsample_y)))
        mask[rows, int(left / before.downsample_x) : int(np.ceil(right / before.downsample_x))] = True
    excluded = {reason: where & ~mask for reason, where in seen.excluded.items()}
    return Survey.of(seen.overview, Found(mask, excluded), before.mpp.x, before.slide_mpp)
