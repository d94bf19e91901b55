"""`sentinode compose`: slides whose tumour is known, of labelled patches or drawn."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, present, progress


def compose(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Labelled patches (any data source), or synthetic:slides.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    slides: Annotated[int, typer.Option(min=1, help="How many; every second one has tumour.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    cells: Annotated[
        str | None, typer.Option(metavar="CxR", help="Of patches: cells across x down.  [default: 48x36]")
    ] = None,
    mpp: Annotated[
        float | None, typer.Option(min=0.01, help="Of patches: their µm/px.  [default: 0.972, PCam's]")
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(
            help="Of patches: level-0 pixels for one of theirs, 1, 2 or 4; 1 makes a cohort sixteen times faster.  "
            "[default: 4]"
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Of patches: the source's split to take; without: all patches.")
    ] = None,
    lesions: Annotated[
        str | None,
        typer.Option(metavar="AxB", help="Of patches: least and most lesions of a tumour slide.  [default: 1x6]"),
    ] = None,
    lesion_cells: Annotated[
        str | None, typer.Option(metavar="AxB", help="Of patches: least and most cells of a lesion, such as 1x40.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="synthetic:slides: level-0 pixels.  [default: 8192x6144]")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make slides with known truth: NAME.tif, NAME.xml (ASAP) for those with tumour, slides.csv.

    Of labelled patches each is a cell of a grid, listed in NAME.csv; the level at its own µm/px shows it as it was.
    """
    from sentinode.studies import composition_study

    result = composition_study.compose(
        source, out, slides=slides, seed=seed, cells=cells, lesions=lesions, lesion_cells=lesion_cells, mpp=mpp,
        scale=scale, split=split, size=size, progress=progress(quiet),
    )  # fmt: skip
    present(result, as_json)
