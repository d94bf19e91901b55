"""`sentinode explain`: maps of what a model looks at, with what checks them."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, present_part, progress


def explain(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam, pcam-strong.")],
    out: Annotated[Path, typer.Option(help="Folder for the page, the overlays and the maps.")],
    images: Annotated[list[str] | None, typer.Argument(help="Image files, folders or glob patterns.")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="One or more, with commas, such as layercam,gradcam,occlusion; without: the first that fits the "
            "bundle, layercam where its network has maps of several sizes. A name that is none is answered with all "
            "that fit."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The class to explain; without: the positive one.")] = None,
    layer: Annotated[str | None, typer.Option(help="Of Grad-CAM and LayerCAM; without: the architecture's.")] = None,
    checks: Annotated[
        bool, typer.Option("--checks/--no-checks", help="Measure how far each map is to be trusted.")
    ] = True,
    single_look: Annotated[
        bool, typer.Option("--single-look", help="Explain one look, without test-time averaging: faster.")
    ] = False,
    resize: Annotated[bool, typer.Option("--resize", help="Accept images of another size and resize them.")] = False,
    slide: Annotated[Path | None, typer.Option(help="A slide to take tiles from.")] = None,
    at: Annotated[
        list[str] | None, typer.Option(metavar="X,Y", help="Centre of a tile, level-0 pixels. Repeatable.")
    ] = None,
    scan: Annotated[Path | None, typer.Option(help="A scan folder of the slide: its top lesions.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Of the scan's lesions, how many.")] = 5,
    mpp: Annotated[float | None, typer.Option(help="µm/px of level 0, in place of what the slide says.")] = None,
    series: Annotated[int | None, typer.Option(help="Which of several pictures in the file, from 0.")] = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Show what speaks for a class in an image, and how far the map is to be trusted.

    An image that can't be read does not stop the rest: it is listed at the end, and the exit status is 1.
    """
    from sentinode.studies import explanation_study

    result = explanation_study.explain(
        bundle, images or (), out=out, methods=method, target=target, layer=layer, checks=checks,
        single_look=single_look, resize=resize, slide=slide, at=at or (), scan=scan, top=top, mpp=mpp, series=series,
        engine=engine, progress=progress(quiet),
    )  # fmt: skip
    return present_part(result, as_json)
