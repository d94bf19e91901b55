"""`sentinode slide`: what a whole slide is, and whether both readers give the same pixels of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinode.cli.options import AsJson, answer, say

if TYPE_CHECKING:
    from sentinode.slides.slide import Slide

app = typer.Typer(help="Look at a whole slide.", no_args_is_help=True)

_THUMBNAIL_PX = 1024


@app.callback()
def _group() -> None:
    """Look at a whole slide."""


@app.command()
def show(
    path: Annotated[Path, typer.Argument(metavar="SLIDE", help="A slide's file, or a plain image.")],
    reader: Annotated[str, typer.Option(help="auto, tiff, openslide or image.")] = "auto",
    mpp: Annotated[float | None, typer.Option(help="µm/px of level 0, in place of what the file says.")] = None,
    thumbnail: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the slide as a small PNG here.")] = None,
    verify_reader: Annotated[
        int, typer.Option(metavar="N", min=0, help="Read N random tiles through both readers and compare them.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Say what a slide is: its reader, size, µm/px and where that was found, levels, tiles and associated images."""
    from sentinode.slides.reader_agreement import verify_readers
    from sentinode.slides.slide import open_slide

    with open_slide(path, reader=reader, mpp=mpp) as slide:  # type: ignore[arg-type]
        facts = _facts(slide)
        if thumbnail:
            _write_png(slide, thumbnail)
            facts["thumbnail"] = str(thumbnail)
    if verify_reader:
        agreement = verify_readers(path, verify_reader)
        facts["readers"] = {"tiles": agreement.tiles, "largest_difference": agreement.largest_difference}
    if as_json:
        answer(facts)
    else:
        say(_table(facts))


def _facts(slide: "Slide") -> dict[str, Any]:
    levels = []
    for number, level in enumerate(slide.reader.levels):
        shape = slide.reader.tile_shape(number)
        levels.append(
            {
                "width": level.width,
                "height": level.height,
                "downsample": [round(level.downsample_x, 6), round(level.downsample_y, 6)],
                "tile": list(shape) if shape else None,
            }
        )
    known = slide.mpp_source != "none"
    return {
        "path": str(slide.path),
        "reader": slide.reader.name,
        "vendor": slide.reader.properties.get("openslide.vendor"),
        "width": slide.width,
        "height": slide.height,
        "mpp": [slide.mpp.x, slide.mpp.y] if known else None,
        "mpp_source": slide.mpp_source,
        "levels": levels,
        "associated": list(slide.reader.associated),
    }


def _write_png(slide: "Slide", path: Path) -> None:
    from PIL import Image

    from sentinode.core.files import atomic_file

    picture = Image.fromarray(slide.thumbnail(max_side=_THUMBNAIL_PX))
    with atomic_file(path) as temporary:
        picture.save(temporary, "PNG")


def _table(facts: dict[str, Any]) -> str:
    mpp = facts["mpp"]
    size = "not known; give it with --mpp" if mpp is None else f"{mpp[0]:g} × {mpp[1]:g} ({facts['mpp_source']})"
    lines = [
        f"slide       {facts['path']}",
        f"reader      {facts['reader']}" + (f" ({facts['vendor']})" if facts["vendor"] else ""),
        f"size        {facts['width']:,} × {facts['height']:,} px",
        f"µm/px       {size}",
    ]
    for number, level in enumerate(facts["levels"]):
        across, down = level["downsample"]
        tile = f", tiles of {level['tile'][0]} × {level['tile'][1]} px" if level["tile"] else ""
        scale = f"1/{across:g}" if across == down else f"1/{across:g} × 1/{down:g}"
        lines.append(f"level {number}     {level['width']:,} × {level['height']:,} px, {scale}{tile}")
    lines.append(f"beside it   {', '.join(facts['associated']) or 'nothing'}")
    if "thumbnail" in facts:
        lines.append(f"thumbnail   {facts['thumbnail']}")
    if "readers" in facts:
        found = facts["readers"]
        lines.append(
            f"readers     agree on {found['tiles']} tiles, at most {found['largest_difference']} grey levels apart"
        )
    return "\n".join(lines)
