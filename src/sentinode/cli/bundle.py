"""`sentinode bundle`: show, verify and quantise a bundle."""

from typing import Annotated

import typer

app = typer.Typer(help="Show, verify and quantise a bundle.", no_args_is_help=True)

Bundle = Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam.")]
