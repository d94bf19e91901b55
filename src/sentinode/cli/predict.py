"""`sentinode predict`: images in, classes out."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import Engine, Quiet, as_json_text, progress, say, warn_of


def predict(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam, pcam-strong.")],
    images: Annotated[list[str], typer.Argument(help="Image files, folders or glob patterns.")],
    csv: Annotated[Path | None, typer.Option(help="Write the table to this file instead of printing it.")] = None,
    resize: Annotated[bool, typer.Option("--resize", help="Accept images of another size and resize them.")] = False,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> int:
    """Classify patches: class, probability of each class, confidence, whether it is low, and whether the patch lies
    outside of what the model was trained on.

    An image that can't be read does not stop the rest: it is listed at the end, and the exit status is 1.
    """
    from sentinode.studies import prediction_study

    answers = prediction_study.predict(bundle, images, resize=resize, engine=engine, progress=progress(quiet))
    if csv is not None:
        say(answers.write_csv(csv))
    elif as_json:
        for row in answers.rows():
            say(as_json_text(row))
    else:
        for line in answers.lines():
            say(line)
    return warn_of(answers)
