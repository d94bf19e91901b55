"""`sentinode compare`: several bundles on the same test set."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Out, Quiet, Set, Source, answer, progress, say
from sentinode.core.settings import Settings


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
    from sentinode.studies.evaluation import compare_bundles

    found = compare_bundles(
        bundles,
        data,
        out,
        split=split,
        overrides=settings_ or (),
        engine=engine,
        settings=Settings.from_environment(),
        progress=progress(quiet),
    )
    if as_json:
        answer(found)
    else:
        say(f"look at   {out / 'comparison.html'}\nfigures   {out / 'comparison.json'}")
