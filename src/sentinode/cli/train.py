"""`sentinode train`: from a recipe and data to a run folder."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, Set, present, progress


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A shipped recipe's name (pcam-cpu, demo, …) or a TOML file.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="SOURCE", help="Address of the data, as folder:DIR; over the recipe's."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make; by default runs/RECIPE-DATE-TIME.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run folder, as its own recipe says.")] = None,
    settings_: Set = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a model: data checks, fitting, calibration, a bundle and a report on the test split.

    Whatever stops it, `sentinode train --resume RUN` goes on after the last full epoch.
    """
    from sentinode.studies import train_study

    run = train_study.train(
        recipe, data=data, out=out, overrides=settings_ or (), resume=resume, progress=progress(quiet)
    )
    if run is not None:  # in the first of several processes that train together
        present(run, as_json)
