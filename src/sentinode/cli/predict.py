"""`sentinode predict`: images in, classes out."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import Engine, Quiet


def predict(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam.")],
    images: Annotated[list[str], typer.Argument(help="Image files, folders or glob patterns.")],
    csv: Annotated[Path | None, typer.Option(help="Write a table to this file.")] = None,
    resize: Annotated[bool, typer.Option("--resize", help="Accept images of another size and resize them.")] = False,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> int:
    """Classify patches: class, probabilities, threshold, and whether the confidence is low.

    An image that can't be read does not stop the rest: it is listed at the end, and the exit status is 1.
    """

    raise NotImplementedError
