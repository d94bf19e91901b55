"""`sentinode submit`: the file that the Kaggle competition wants."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, present, progress


def submit(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam, pcam-strong.")],
    data: Annotated[
        str, typer.Option("--data", metavar="SOURCE", help="The competition's folder, as kaggle:DIR, with test/.")
    ],
    out: Annotated[Path, typer.Option(help="File for the submission, such as submission.csv.")],
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Score the Kaggle competition's test images: a csv of id and label, the probability of tumour.

    Stopped, the same command goes on where it was.
    """
    from sentinode.studies.submission import write_submission

    result = write_submission(bundle, data, out, engine=engine, progress=progress(quiet))
    present(result, as_json)
