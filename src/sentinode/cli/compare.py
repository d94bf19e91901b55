"""`sentinode compare`: several bundles on the same test set."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Out, Quiet, Set, Source, present, progress


def compare(
    bundles: Annotated[list[str], typer.Argument(help="Two or more bundles: folders or shipped names.")],
    data: Source,
    out: Out,
    split: Annotated[str, typer.Option(help="train, validation, test, a split's own name, or all.")] = "test",
    settings_: Set = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare bundles on the same images: paired DeLong test, differences with intervals, overlaid curves."""
    from sentinode.studies.bundle_comparison import compare_bundles

    result = compare_bundles(
        bundles,
        data,
        out,
        split=split,
        overrides=settings_ or (),
        engine=engine,
        progress=progress(quiet),
    )
    present(result, as_json)
