"""`sentinode features`: what a frozen network, or a classical descriptor, makes of every image of a data set."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, Set, Source, answer, progress, say
from sentinode.core.settings import Settings


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
    from sentinode.data.dataset import load_dataset
    from sentinode.training.features.extraction import extract
    from sentinode.training.features.feature_recipe import load_features_recipe
    from sentinode.training.features.feature_table import check_place

    settings, shown = Settings.from_environment(), progress(quiet)
    recipe = load_features_recipe(name, source=data, overrides=settings_ or ())
    check_place(out)
    images = load_dataset(recipe.data, cache=settings.cache, progress=shown)
    table = extract(recipe.features, images, settings=settings, progress=shown, engine=engine)
    table.save(out)
    facts: dict[str, Any] = {
        "file": str(out),
        "images": len(table),
        "features": len(table.columns),
        "scores": list(table.score_names),
        "classes": list(table.class_names),
        "space": {"kind": table.space.kind, "name": table.space.name, "sha256": table.space.sha256},
        "data_sha256": table.data_sha256,
    }
    if as_json:
        answer(facts)
    else:
        say(f"{len(table):,} images × {len(table.columns):,} features of {table.space.name} in {out}")
