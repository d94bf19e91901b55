"""`sentinode crossval`: a validation for few images."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Out, Quiet, Set, answer, progress, say
from sentinode.core.settings import Settings


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
    from sentinode.studies.crossval.crossval_recipe import load_crossval_recipe
    from sentinode.studies.crossval.crossval_study import run_crossval

    overrides = [
        f"crossval.{key}={value}" for key, value in (("folds", folds), ("repeats", repeats)) if value is not None
    ]
    loaded = load_crossval_recipe(recipe, source=data, overrides=[*overrides, *(settings_ or ())])
    result = run_crossval(loaded, out, engine=engine, settings=Settings.from_environment(), progress=progress(quiet))
    if as_json:
        answer(result.to_json())
    else:
        say(result.summary())
