"""`sentinode search`: many trainings of one recipe, the best by validation kept as a recipe."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, Quiet, Set, present, progress, warn


def search(
    searchfile: Annotated[
        str, typer.Argument(metavar="SEARCHFILE", help="A shipped search (kaggle-grid, demo-search) or a TOML file.")
    ],
    out: Out,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="SOURCE", help="Address of the data, as folder:DIR; over the recipe's."),
    ] = None,
    settings_: Set = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A SQLAlchemy URL that several machines share; else a file in --out."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="How many combinations to try in all, over the file's own number.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Search a recipe's hyperparameters, judged on validation alone: a report and best.toml, ready to train.

    Whatever stops it, the same command goes on. Several processes may work on one search at once.
    """
    from sentinode.studies.search.search_study import run_search

    bars = progress(quiet)
    outcome = run_search(
        searchfile,
        out,
        source=data,
        overrides=settings_ or (),
        storage=storage,
        trials=trials,
        progress=bars,
        tell=warn if bars.shown else None,
    )
    present(outcome, as_json)
