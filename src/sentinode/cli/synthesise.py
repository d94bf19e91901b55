"""`sentinode synthesise`: from labelled patches to a generator and synthetic patches."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, present, progress


def synthesise(
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="SOURCE",
            help="Labelled patches; only the training split is learned from.",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="How long it learns; becomes a number of steps at the start.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make; by default runs/synthesis-DATE-TIME.")] = None,
    samples: Annotated[int, typer.Option(min=0, help="Synthetic patches to draw, equally many of each class.")] = 0,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this run folder; of a finished one, draw --samples.")
    ] = None,
    settings_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value: synthesis.side=96. Repeatable."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a generator of patches by class, hold what it draws against real ones, and test it for copies.

    Whatever stops it, `sentinode synthesise --resume RUN` goes on after the last check, and ends the same.
    """
    from sentinode.studies import synthesise_study

    result = synthesise_study.synthesise(
        data, minutes=minutes, out=out, samples=samples, overrides=settings_ or (), resume=resume,
        progress=progress(quiet),
    )  # fmt: skip
    present(result, as_json)
