"""`sentinode slide`: what a whole slide is, and whether both readers give the same pixels of it."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, present

app = typer.Typer(help="Look at a whole slide.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at a whole slide."""


@app.command()
def show(
    path: Annotated[Path, typer.Argument(metavar="SLIDE", help="A slide's file, or a plain image.")],
    reader: Annotated[str, typer.Option(help="auto, tiff, openslide, image, or one of `sentinode plugins`.")] = "auto",
    series: Annotated[int | None, typer.Option(help="Which of several pictures in the file, from 0.")] = None,
    mpp: Annotated[float | None, typer.Option(help="µm/px of level 0, in place of what the file says.")] = None,
    thumbnail: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the slide as a small PNG here.")] = None,
    verify_reader: Annotated[
        int, typer.Option(metavar="N", min=0, help="Read N random tiles through both readers and compare them.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Say what a slide is: its reader, size, µm/px and where that was found, levels, tiles and associated images."""
    from sentinode.studies.slide_facts import show_slide

    shown = show_slide(
        path, reader=reader, mpp=mpp, thumbnail=thumbnail, verify_reader=verify_reader, series=series
    )  # fmt: skip
    present(shown, as_json)
