"""`sentinode demo`: the whole story in a few minutes, without any data."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import Quiet, progress, say


def demo(
    out: Annotated[Path, typer.Option(help="Folder to make; an older demo there is replaced.")] = Path("demo"),
    quiet: Quiet = False,
) -> None:
    """Inspect, train, evaluate, predict and scan slides on built-in synthetic data, in a few minutes."""
    from sentinode.studies.demo import run_demo

    shown = run_demo(out, tell=say, progress=progress(quiet))
    say("")
    say(shown.summary())
