"""`sentinode train`: from a recipe and data to a run folder."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, Set, answer, progress, say
from sentinode.core.errors import RecipeError
from sentinode.core.settings import Settings


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
    from sentinode.training.recipe import load_recipe
    from sentinode.training.run import resume_run, start_run

    settings = Settings.from_environment()
    if resume is not None:
        if recipe or data or settings_ or out:
            raise RecipeError(
                "--resume takes the run's own recipe; give it alone, without a recipe, --data, --set or --out"
            )
        result = resume_run(resume, settings, progress(quiet))
    elif recipe is None:
        raise RecipeError("name a recipe, for example `sentinode train pcam-cpu --data folder:DIR`, or --resume RUN")
    else:
        loaded = load_recipe(recipe, source=data, overrides=settings_ or ())
        result = start_run(loaded, out, settings, progress(quiet))
    if as_json:
        answer(result.to_json())
    else:
        say(result.summary())
