"""`sentinode demo`: the whole story in a few minutes, without any data."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import Quiet, progress, say
from sentinode.core.settings import Settings


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for everything that the demo makes; an older demo there is replaced.")
    ] = Path("demo"),
    quiet: Quiet = False,
) -> None:
    """Inspect, train, evaluate, report and predict on built-in synthetic patches, in a few minutes on two cores."""
    from sentinode.training.demo import run_demo

    for line in run_demo(out, Settings.from_environment(), progress(quiet)):
        say(line)
