"""`sentinode tiles`: labelled tiles drawn from annotated slides."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, present_part, progress


def tiles(
    slides: Annotated[
        list[Path], typer.Argument(metavar="SLIDES…", help="Slides, folders of them, or CAMELYON16's folder.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the tiles' table; then data as slides:DIR.")],
    annotations: Annotated[
        list[Path] | None,
        typer.Option("--annotations", help="Folder with NAME.xml, .geojson or .json; without: beside the slides."),
    ] = None,
    table: Annotated[Path | None, typer.Option(help="CSV slide[,label][,patient][,split][,annotated].")] = None,
    normal: Annotated[bool, typer.Option("--normal", help="Slides without an annotation have no tumour.")] = False,
    size: Annotated[int, typer.Option(help="Side of a tile in pixels.")] = 256,
    mpp: Annotated[float, typer.Option(help="µm/px of the tiles.")] = 0.5,
    stride: Annotated[int | None, typer.Option(help="Pixels from place to place; without: the tile size.")] = None,
    rule: Annotated[str, typer.Option(help="area, or centre: PatchCamelyon's.")] = "area",
    tumour_min: Annotated[float, typer.Option(help="Rule area: least part of a tumour tile that is tumour.")] = 0.5,
    centre: Annotated[int | None, typer.Option(help="Rule centre: side in pixels; without: a third.")] = None,
    margin_um: Annotated[
        float | None, typer.Option(help="Least distance of normal tiles from tumour; without: 50, rule centre 0.")
    ] = None,
    context: Annotated[
        bool, typer.Option("--context", help="With what lies around each, for recipes with model.context.")
    ] = False,
    min_tissue: Annotated[float, typer.Option(help="Least part of a tile that is tissue.")] = 0.05,
    per_slide: Annotated[int, typer.Option(help="Most tiles of a class from one slide.")] = 1000,
    ratio: Annotated[float, typer.Option(help="Normal tiles for one tumour tile.")] = 1.0,
    fractions: Annotated[
        str, typer.Option(metavar="TRAIN,VALIDATION,TEST", help="Shares of slides, for what has no split.")
    ] = "0.7,0.15,0.15",
    seed: Annotated[int, typer.Option(help="Of the tiles taken and of the split.")] = 42,
    slide_mpp: Annotated[float | None, typer.Option(help="µm/px of level 0, for slides that don't say it.")] = None,
    series: Annotated[int | None, typer.Option(help="Which of several pictures in a file, from 0.")] = None,
    tumour_name: Annotated[
        list[str] | None, typer.Option(help="A class of annotations that means tumour. Repeatable.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Draw labelled, balanced tiles from annotated slides, split by slide or patient.

    A slide that can't be read is listed at the end, and the exit status is 1. The same command again takes what is
    there.
    """
    from sentinode.studies.tile_study import draw_tiles

    result = draw_tiles(
        slides, out, annotations=annotations or (), table=table, normal=normal, progress=progress(quiet),
        size_px=size, mpp=mpp, stride_px=stride, rule=rule, tumour_min=tumour_min, centre_px=centre,
        margin_um=margin_um, min_tissue=min_tissue, per_slide=per_slide, ratio=ratio, fractions=fractions.split(","),
        seed=seed, slide_mpp=slide_mpp, series=series, context=context,
        tumour_names=tuple(tumour_name or ()),
    )  # fmt: skip
    return present_part(result, as_json)
