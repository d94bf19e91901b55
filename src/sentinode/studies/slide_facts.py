"""`sentinode slide show`: what a slide is, as its reader sees it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from sentinode.core.files import atomic_file
from sentinode.core.messages import plural
from sentinode.slides.mpp import NO_SOURCE
from sentinode.slides.reader_agreement import verify_readers
from sentinode.slides.slide import Slide, open_slide

_THUMBNAIL_PX = 1024


@dataclass(frozen=True)
class SlideDescription:
    """Reader, size, µm/px, levels and associated images of a slide."""

    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return self.facts

    def summary(self) -> str:
        """A few lines for a person."""
        facts = self.facts
        mpp = facts["mpp"]
        unknown = f"not known{facts['mpp_source'].removeprefix(NO_SOURCE)}; give it with --mpp"
        size = unknown if mpp is None else f"{mpp[0]:g} × {mpp[1]:g} ({facts['mpp_source']})"
        lines = [
            f"slide       {facts['path']}",
            f"reader      {facts['reader']}" + (f" ({facts['vendor']})" if facts["vendor"] else ""),
            f"size        {facts['width']:,} × {facts['height']:,} px",
            f"µm/px       {size}",
            *(_level_line(number, level) for number, level in enumerate(facts["levels"])),
            f"beside it   {', '.join(facts['associated']) or 'nothing'}",
        ]
        if "thumbnail" in facts:
            lines.append(f"thumbnail   {facts['thumbnail']}")
        if "readers" in facts:
            tiles, apart = facts["readers"]["tiles"], facts["readers"]["largest_difference"]
            lines.append(f"readers     agree on {plural(tiles, 'tile')}, at most {apart} grey levels apart")
        return "\n".join(lines)


def show_slide(
    path: str | Path,
    *,
    reader: str = "auto",
    mpp: float | None = None,
    thumbnail: str | Path | None = None,
    verify_reader: int = 0,
    series: int | None = None,
) -> SlideDescription:
    """Say what a slide is.

    Args:
        path: The slide's file, or a plain image.
        reader: `auto` or the name of a reader.
        mpp: µm/px of level 0, in place of what the file says.
        thumbnail: A PNG file to write, of at most 1024 px a side.
        verify_reader: So many random tiles are read through both readers and compared.
        series: Which of several pictures in the file, from 0; None: the only one.

    Raises:
        SlideError: The file is no slide that can be read, or the readers differ.
    """
    path = Path(path)
    with open_slide(path, reader=reader, mpp=mpp, series=series) as slide:
        facts = _facts(slide)
        if thumbnail:
            _write_png(slide, Path(thumbnail))
            facts["thumbnail"] = str(thumbnail)
    if verify_reader:
        agreement = verify_readers(path, verify_reader, series=series)
        facts["readers"] = {"tiles": agreement.tiles, "largest_difference": agreement.largest_difference}
    return SlideDescription(facts)


def _facts(slide: Slide) -> dict[str, Any]:
    levels = [
        {
            "width": level.width,
            "height": level.height,
            "downsample": [round(level.downsample_x, 6), round(level.downsample_y, 6)],
            "tile": list(level.tile) if level.tile else None,
        }
        for level in slide.facts.levels
    ]
    known = not slide.mpp_source.startswith(NO_SOURCE)
    return {
        "path": str(slide.path),
        "reader": slide.facts.reader,
        "vendor": slide.facts.properties.get("openslide.vendor"),
        "width": slide.width,
        "height": slide.height,
        "mpp": [slide.mpp.x, slide.mpp.y] if known else None,
        "mpp_source": slide.mpp_source,
        "levels": levels,
        "associated": list(slide.facts.associated),
    }


def _write_png(slide: Slide, path: Path) -> None:

    picture = Image.fromarray(slide.thumbnail(max_side=_THUMBNAIL_PX))
    with atomic_file(path) as temporary:
        picture.save(temporary, "PNG")


def _level_line(number: int, level: dict[str, Any]) -> str:
    across, down = level["downsample"]
    tile = f", tiles of {level['tile'][0]} × {level['tile'][1]} px" if level["tile"] else ""
    scale = f"1/{across:g}" if across == down else f"1/{across:g} × 1/{down:g}"
    return f"level {number}     {level['width']:,} × {level['height']:,} px, {scale}{tile}"
