"""`sentinode crossval`: a validation for few images."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Out, Quiet, Set, present, progress


def crossval(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|BUNDLE|ARCHITECTURE",
            help="A recipe (clinical-features, a training recipe, a TOML file); or what gives the features: a bundle, "
            "an architecture, pixels, colour or texture.",
        ),
    ],
    out: Out,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="SOURCE", help="Address of the data, as folder:DIR; over the recipe's."),
    ] = None,
    folds: Annotated[int | None, typer.Option(help="Outer folds; as --set crossval.folds.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Repeats; as --set crossval.repeats.")] = None,
    settings_: Set = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Nested cross-validation: a report that can't fool you, and a final model refitted on all images.

    Stopped at any moment, the same command goes on.
    """
    from sentinode.studies.crossval import crossval_study

    result = crossval_study.crossval(
        recipe,
        out,
        data=data,
        folds=folds,
        repeats=repeats,
        overrides=settings_ or (),
        engine=engine,
        progress=progress(quiet),
    )
    if result is not None:  # in the first of several processes that train together
        present(result, as_json)
