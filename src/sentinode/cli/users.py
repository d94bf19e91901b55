"""`sentinode users`: who may use a server."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import say

app = typer.Typer(help="The user file of a server: names, roles and hashed tokens.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="The user file, for `sentinode serve --users`.")]
Name = Annotated[str, typer.Argument(help="The user's name.")]


@app.command("add")
def add(
    file: File, name: Name, role: Annotated[str, typer.Option(help="viewer, reviewer or admin.")] = "viewer"
) -> None:
    """Add a user, or give one a new token and role. The token is printed once and kept nowhere."""
    from sentinode.serving.access.tokens import Users

    say(Users(file).add(name, role))


@app.command("list")
def list_users(file: File) -> None:
    """Names and roles."""
    from sentinode.serving.access.tokens import Users

    for user, _ in Users(file).read().values():
        say(f"{user.name}\t{user.role}")


@app.command("remove")
def remove(file: File, name: Name) -> None:
    """Remove a user. A running server lets them in no longer."""
    from sentinode.serving.access.tokens import Users

    Users(file).remove(name)
