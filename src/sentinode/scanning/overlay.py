"""`overlay.png` and `attention.png`: the slide with a heatmap, what is outlined, a colour bar and a scale bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sentinode.core.files import atomic_file
from sentinode.core.palette import colour_table, colours_of
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.lesions import OutlinedLesion
from sentinode.scanning.scan_record import ATTENTION_PICTURE, OVERLAY_FILE

_SIDE_PX = 1600
"""Longer side of the slide in the picture."""
QUICK_PNG = 2
"""zlib's level: a third of the time of Pillow's own 6, which was half of all writing, for a file larger by 14 %."""
_WEAKEST, STRONGEST = 0.12, 0.72
"""How much of the heatmap's colour is seen at scores 0 and 1: the tissue stays visible, and more so where it is
harmless."""
_MARGIN, _BAR_WIDTH, _RIGHT = 16, 26, 220
_LARGE_PX, _SMALL_PX = 30, 26
"""Heights of letters. A page shows the picture at half its size; they have to be read there, too."""
_INK, _PAPER = (24, 32, 43), (255, 255, 255)
_MM = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_NUMBERED = 20
"""Lesions that get their rank written beside them; more would hide the slide."""


def write_overlay(
    folder: Path,
    overview: NDArray[np.uint8],
    slide_width: int,
    slide_height: int,
    heatmap: Heatmap,
    lesions: Sequence[OutlinedLesion],
    *,
    title: str,
    target: str,
    threshold: float,
) -> None:
    """Write `overlay.png`: the heatmap of a class with its lesions.

    Args:
        folder: Of the scan.
        overview: (h, w, 3) RGB of the whole slide, at any size.
        slide_width: Level-0 pixels.
        slide_height: Level-0 pixels.
        heatmap: Scores of `target`.
        lesions: Outlined and, the first of them, numbered.
        title: Stands above.
        target: The class, for the colour bar.
        threshold: Marked on the colour bar.
    """
    outlined = [(one.outline, one.lesion.rank) for one in lesions]
    bar = _Bar(f"P({target})", (0.0, 0.5, 1.0), threshold)
    page = _page(overview, slide_width, slide_height, heatmap, outlined, title, bar)
    _save(page, folder / OVERLAY_FILE)


def write_attention_picture(
    folder: Path,
    overview: NDArray[np.uint8],
    slide_width: int,
    slide_height: int,
    attention: Heatmap,
    candidates: Sequence[tuple[Any, int]],
    *,
    title: str,
) -> None:
    """Write `attention.png`: the attention of a slide model, which is no probability, with its candidates.

    Args:
        folder: Of the scan.
        overview: (h, w, 3) RGB of the whole slide, at any size.
        slide_width: Level-0 pixels.
        slide_height: Level-0 pixels.
        attention: Of `build_attention`.
        candidates: Outline in level-0 pixels and rank of each.
        title: Stands above.
    """
    bar = _Bar("attention", (0.0, 1.0), None)
    _save(_page(overview, slide_width, slide_height, attention, candidates, title, bar), folder / ATTENTION_PICTURE)


@dataclass(frozen=True)
class _Bar:
    """The colour bar."""

    label: str
    marks: tuple[float, ...]
    threshold: float | None


def _save(page: Image.Image, path: Path) -> None:
    with atomic_file(path) as temporary:
        page.save(temporary, format="PNG", compress_level=QUICK_PNG)


def _page(
    overview: NDArray[np.uint8],
    slide_width: int,
    slide_height: int,
    heatmap: Heatmap,
    outlined: Sequence[tuple[Any, int]],
    title: str,
    bar: _Bar,
) -> Image.Image:
    factor = _SIDE_PX / max(slide_width, slide_height)
    width, height = max(1, round(slide_width * factor)), max(1, round(slide_height * factor))
    picture = _blended(overview, width, height, heatmap, factor)
    top = 2 * _MARGIN + _LARGE_PX
    wide = max(width + 2 * _MARGIN + _RIGHT, round(_font(_LARGE_PX).getlength(title)) + 2 * _MARGIN)
    page = Image.new("RGB", (wide, max(height, 340) + top + 3 * _MARGIN + _SMALL_PX), _PAPER)
    page.paste(Image.fromarray(picture), (_MARGIN, top))
    draw = ImageDraw.Draw(page)
    draw.rectangle((_MARGIN - 1, top - 1, _MARGIN + width, top + height), outline=(160, 168, 178))
    draw.text((_MARGIN, _MARGIN + _LARGE_PX // 2), title, fill=_INK, font=_font(_LARGE_PX), anchor="lm")
    _draw_outlines(draw, outlined, factor, (_MARGIN, top))
    _draw_colour_bar(draw, (2 * _MARGIN + width, top + _LARGE_PX + _MARGIN), bar)
    um_per_px = heatmap.mpp.x / heatmap.downsample_x / factor
    _draw_scale_bar(draw, (_MARGIN, top + height + _MARGIN), width, um_per_px)
    return page


def strength_of(scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """How much of the heatmap's colour is seen, 0 to `STRONGEST`, for scores of any shape; 0 where not scanned."""
    strength = _WEAKEST + (STRONGEST - _WEAKEST) * np.nan_to_num(scores) ** 0.5
    return np.where(np.isfinite(scores), strength, 0).astype(np.float32)


def _blended(
    overview: NDArray[np.uint8], width: int, height: int, heatmap: Heatmap, factor: float
) -> NDArray[np.uint8]:
    base = np.asarray(Image.fromarray(overview).resize((width, height), Image.Resampling.BICUBIC), np.float32)
    rows = np.minimum(((np.arange(height) + 0.5) / factor / heatmap.downsample_y).astype(int), len(heatmap.values) - 1)
    columns = ((np.arange(width) + 0.5) / factor / heatmap.downsample_x).astype(int)
    columns = np.minimum(columns, heatmap.values.shape[1] - 1)
    colours = colours_of(heatmap.values).astype(np.float32)
    place = np.ix_(rows, columns)
    alpha_px = strength_of(heatmap.values)[place][..., None]
    return np.asarray(np.rint(base * (1 - alpha_px) + colours[..., :3][place] * alpha_px), np.uint8)


def _draw_outlines(
    draw: ImageDraw.ImageDraw, outlined: Sequence[tuple[Any, int]], factor: float, corner: tuple[int, int]
) -> None:
    # A dark line with a light one inside stands out from every colour of tissue and palette.
    for colour, line in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        for outline, _rank in outlined:
            for ring in _rings(outline):
                points = [(x * factor + corner[0], y * factor + corner[1]) for x, y in ring]
                draw.line(points, fill=colour, width=line, joint="curve")
    for outline, rank in outlined[:_NUMBERED]:
        top, right = min((y, -x) for ring in _rings(outline) for x, y in ring)
        place = corner[0] + 4 - right * factor, max(corner[1] + _SMALL_PX // 2, corner[1] + top * factor)
        _write(draw, place, str(rank), stroke_width=3, stroke_fill=_PAPER)


def _font(height_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(height_px)


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, **stroke: Any) -> None:
    """Right of a place, at its height."""
    draw.text(place, text, fill=_INK, font=_font(_SMALL_PX), anchor="lm", **stroke)


def _rings(outline: Any) -> list[Any]:
    polygons = getattr(outline, "geoms", [outline])
    return [ring.coords for polygon in polygons for ring in (polygon.exterior, *polygon.interiors)]


def _draw_colour_bar(draw: ImageDraw.ImageDraw, corner: tuple[int, int], bar: _Bar) -> None:
    left, top = corner
    length = 256
    _write(draw, (left, top - _SMALL_PX), bar.label)
    for step, colour in enumerate(colour_table()[::-1]):
        draw.line((left, top + step, left + _BAR_WIDTH, top + step), fill=tuple(int(part) for part in colour))
    draw.rectangle((left - 1, top - 1, left + _BAR_WIDTH + 1, top + length), outline=_INK)
    for value in bar.marks:
        if bar.threshold is None or abs(value - bar.threshold) * length > _SMALL_PX:
            y = top + round((1 - value) * (length - 1))
            draw.line((left + _BAR_WIDTH, y, left + _BAR_WIDTH + 5, y), fill=_INK)
            _write(draw, (left + _BAR_WIDTH + 12, y), f"{value:g}")
    if bar.threshold is None:
        return
    y = top + round((1 - bar.threshold) * (length - 1))
    draw.line((left - 6, y, left + _BAR_WIDTH + 6, y), fill=_INK, width=3)
    _write(draw, (left + _BAR_WIDTH + 12, y), f"{bar.threshold:.2g} outline")


def _draw_scale_bar(draw: ImageDraw.ImageDraw, corner: tuple[int, int], width: int, um_per_px: float) -> None:
    fitting = [mm for mm in _MM if mm * 1000 / um_per_px <= width / 3]
    mm = fitting[-1] if fitting else _MM[0]
    left, top = corner
    length = round(mm * 1000 / um_per_px)
    draw.rectangle((left, top, left + length, top + 6), fill=_INK)
    _write(draw, (left + length + 12, top + 3), f"{mm:g} mm")
