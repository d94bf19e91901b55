"""`sentinode pretrain`: from images without labels to weights that a training starts from."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, present, progress


def pretrain(
    recipe: Annotated[
        str | None, typer.Argument(help="A shipped recipe's name (simsiam-squeezenet, …) or a TOML file.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="SOURCE", help="Images: any source, as folder:DIR, or unlabelled:DIR."),
    ] = None,
    slides: Annotated[
        str | None, typer.Option("--slides", metavar="SLIDE|DIR", help="Slides whose tissue is learned from.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="How long; becomes a number of steps at the start.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make; by default runs/RECIPE-DATE-TIME.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run folder, as its own recipe says.")] = None,
    settings_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value: pretraining.steps=500. Repeatable."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Pretrain a network on images without labels; it ends as weights for `train` and `features`.

    Whatever stops it, `sentinode pretrain --resume RUN` goes on after the last probe, and ends the same.
    """
    from sentinode.studies import pretrain_study

    result = pretrain_study.pretrain(
        recipe, data=data, slides=slides, minutes=minutes, out=out, overrides=settings_ or (), resume=resume,
        progress=progress(quiet),
    )  # fmt: skip
    present(result, as_json)
