"""`sentinode features`: what a frozen network, or a classical descriptor, makes of every image of a data set."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, Set, Source, present, progress


def features(
    name: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE|ARCHITECTURE",
            help="A bundle (folder or shipped name), an architecture (with --set features.model.weights=…), or one of "
            "pixels, colour, texture.",
        ),
    ],
    data: Source,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Parquet file for the table.")],
    settings_: Set = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write the features of every image to a Parquet table: id, path, group, label, split, p_CLASS…, features.

    What was computed is kept in the cache; stopped, it goes on where it was.
    """
    from sentinode.studies.feature_study import write_features

    result = write_features(name, data, out, overrides=settings_ or (), engine=engine, progress=progress(quiet))
    present(result, as_json)
