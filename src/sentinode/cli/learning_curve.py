"""`sentinode learning-curve`: what more training images give."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, Quiet, Set, Source, present, progress


def learning_curve(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|BUNDLE|ARCHITECTURE",
            help="A recipe; or what gives features to a classical model (--set classifier.model=…): a bundle, an "
            "architecture, pixels, colour or texture.",
        ),
    ],
    data: Source,
    out: Out,
    fractions: Annotated[str, typer.Option(help="Shares of the training images.")] = "0.01,0.05,0.2,1",
    seeds: Annotated[int, typer.Option(min=1, help="Draws at each fraction.")] = 3,
    settings_: Set = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train on growing parts of the training images, several draws of each, and measure on the same test images."""
    from sentinode.studies.learning_curve.curve_study import trace_curve

    result = trace_curve(
        recipe,
        data,
        out,
        fractions=fractions,
        seeds=seeds,
        overrides=settings_ or (),
        progress=progress(quiet),
    )
    present(result, as_json)
