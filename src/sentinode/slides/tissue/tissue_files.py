"""A tissue mask as files: the mask, an overlay that shows what was taken and what was left out, and the areas."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sentinode.core.files import atomic_file, write_json
from sentinode.slides.slide import Slide
from sentinode.slides.tissue.stain import BLACK, BLUE, BORDER, GREEN
from sentinode.slides.tissue.tissue_mask import BLUR, GLASS, SPECKS, Survey

_TISSUE = (0, 114, 178)
_COLOURS = {
    BLUE: (86, 180, 233),
    GREEN: (0, 158, 115),
    BLACK: (0, 0, 0),
    BORDER: (204, 121, 167),
    BLUR: (230, 159, 0),
    SPECKS: (213, 94, 0),
}
"""Okabe and Ito's colours, which people with any colour vision tell apart."""
_LINE = 22
_SMALLEST_SIDE = 600
_LARGEST_SIDE = 2400


def write_mask_png(mask: NDArray[np.bool_], path: Path) -> None:
    """Write (h, w) bool as a grey PNG: 255 for tissue, 0 for the rest."""
    with atomic_file(path) as temporary:
        Image.fromarray(mask.astype(np.uint8) * 255).save(temporary, format="PNG")


def write_survey(slide: Slide, survey: Survey, folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Write NAME.png (mask), NAME.overlay.png and NAME.json; returns what the JSON holds.

    Args:
        slide: What was surveyed.
        survey: Its tissue.
        folder: Made where it is missing.
        facts: Further entries of the JSON: how the mask was made.
    """
    write_mask_png(survey.mask.mask, folder / f"{slide.name}.png")
    overlay = render_overlay(survey)
    with atomic_file(folder / f"{slide.name}.overlay.png") as temporary:
        Image.fromarray(overlay).save(temporary, format="PNG")
    height, width = survey.mask.mask.shape
    record = {
        "slide": slide.path.name,
        "slide_width": slide.width,
        "slide_height": slide.height,
        "slide_mpp": [slide.mpp.x, slide.mpp.y],
        "mask_width": width,
        "mask_height": height,
        "mask_mpp": survey.mask.mpp.x,
        "tissue_mm2": round(survey.mask.tissue_mm2, 6),
        "excluded_mm2": {reason: round(area, 6) for reason, area in survey.mask.excluded.items()},
        **facts,
    }
    write_json(folder / f"{slide.name}.json", record)
    return record


def render_overlay(survey: Survey) -> NDArray[np.uint8]:
    """(H, W, 3) the overview with tissue outlined, what was left out tinted by reason, and a legend below.

    Enlarged where it is under 600 pixels, reduced where it is over 2,400.
    """
    height, width = survey.mask.mask.shape
    factor = max(1, round(_SMALLEST_SIDE / max(height, width)))
    picture = _enlarged(survey.overview, factor)
    for reason, colour in _COLOURS.items():
        where = survey.excluded.get(reason)
        if where is not None and where.any():
            where = _enlarged(where, factor)
            picture[where] = (0.35 * picture[where] + 0.65 * np.array(colour)).astype(np.uint8)
    tissue = _enlarged(survey.mask.mask, factor)
    picture[tissue & ~ndimage.binary_erosion(tissue, iterations=2, border_value=1)] = _TISSUE
    image = Image.fromarray(picture)
    image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    return _with_legend(image, survey)


def _enlarged(plane: NDArray[Any], factor: int) -> NDArray[Any]:
    return np.repeat(np.repeat(plane, factor, axis=0), factor, axis=1)


def _with_legend(image: Image.Image, survey: Survey) -> NDArray[np.uint8]:
    areas = survey.mask.excluded
    rows = [("tissue (outlined)", _TISSUE, survey.mask.tissue_mm2)]
    rows += [(reason, colour, areas[reason]) for reason, colour in _COLOURS.items() if areas.get(reason, 0) > 0]
    rows.append((f"{GLASS} (untouched)", (255, 255, 255), areas.get(GLASS, 0.0)))
    width = max(image.width, 300)
    page = Image.new("RGB", (width, image.height + _LINE * len(rows) + 8), "white")
    page.paste(image, (0, 0))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for number, (text, colour, area) in enumerate(rows):
        top = image.height + 6 + number * _LINE
        draw.rectangle((8, top + 2, 26, top + 16), fill=colour, outline=(90, 90, 90))
        draw.text((36, top), f"{text}: {area:,.3f} sq mm", fill="black", font=font)
    return np.asarray(page)
