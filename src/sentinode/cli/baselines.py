"""`sentinode baselines`: what a model has to beat, and by how much it does."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Out, Quiet, Set, Source, present, progress


def baselines(
    data: Source,
    out: Out,
    bundles: Annotated[
        list[str] | None, typer.Argument(help="Bundles to set beside the baselines: folders or shipped names.")
    ] = None,
    probe: Annotated[
        str,
        typer.Option(
            help="Backbone of the linear probe: a bundle (by default pcam), an architecture (with --set "
            "features.model.weights=…), or none."
        ),
    ] = "",
    split: Annotated[str, typer.Option(help="test, or another of the source's own splits.")] = "test",
    sample: Annotated[
        int,
        typer.Option(min=0, help="About how many training (and validation) images the baselines use at most; 0: all."),
    ] = 5000,
    settings_: Set = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fit simple baselines (pixels, colour, texture, a linear probe) and measure them and the bundles side by side."""
    from sentinode.studies.baselines.baseline_study import compare_with_baselines

    result = compare_with_baselines(
        data,
        out,
        bundles=bundles or (),
        probe=probe,
        split=split,
        sample=sample,
        overrides=settings_ or (),
        engine=engine,
        progress=progress(quiet),
    )
    present(result, as_json)
