"""`sentinode backbones`: which networks can stand before a classifier, and what a choice among them rests on."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, answer, say


def backbones(
    names: Annotated[list[str] | None, typer.Argument(help="Those to list; without: all.")] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time a tile here, of those named; of the largest it takes minutes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List backbones: licence, size, µm/px, published figures with their source, and whether the weights are here.

    The names are what `features`, `crossval`, `baselines --probe` and `mil` take. What a licence restricts is listed as
    refused. Nothing is downloaded; a cost is measured only when it is asked for.
    """
    from sentinode.face.backbone_list import backbones as list_backbones

    found = list_backbones(names or (), measure=measure)
    if as_json:
        answer(found.to_json())
    else:
        say(found.summary())
