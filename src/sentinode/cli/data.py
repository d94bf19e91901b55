"""`sentinode data`: look at a data set, and pack it for fast reading."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, Quiet, Set, present, progress

app = typer.Typer(help="Look at a data set, and pack it for fast reading.", no_args_is_help=True)

Address = Annotated[
    str, typer.Argument(metavar="SOURCE", help="pcam:DIR, kaggle:DIR, folder:DIR, medmnist:FILE, csv:FILE, …")
]


@app.command()
def inspect(source: Address, out: Out, settings_: Set = None, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Write a page on what is in a data set: classes, splits, duplicates, leaks, stain, and what colour alone gives."""
    from sentinode.studies import inspection_study

    present(inspection_study.inspect(source, out, overrides=settings_ or (), progress=progress(quiet)), as_json)


@app.command()
def pack(source: Address, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Decode every image once into one memory-mapped array; training does this by itself on first use."""
    from sentinode.studies import packing_study

    present(packing_study.pack(source, progress=progress(quiet)), as_json)
