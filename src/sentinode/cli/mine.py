"""`sentinode mine`: false positives of scans become normal tiles to train on, and reviews become truth."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, present_part


def mine(
    scans: Annotated[Path, typer.Argument(help="Folder with the scans of `sentinode scan`, of slides to train on.")],
    annotations: Annotated[
        list[Path], typer.Option("--annotations", help="Folder of the tiles' annotations, or of reviews. Repeatable.")
    ],
    tiles: Annotated[Path, typer.Option("--tiles", help="Folder of `sentinode tiles` to add to.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the tiles with those added; may be that of --tiles.")],
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least score of a false positive; without: the scans' own.")
    ] = None,
    slides: Annotated[
        list[Path] | None,
        typer.Option("--slides", help="Slides or folders of them: reviewed ones that the tiles don't have join them."),
    ] = None,
    per_slide: Annotated[int, typer.Option(min=1, help="Most tiles of a class added to one slide.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Add the false positives of scans to drawn tiles, as normal ones, and the tumour that reviews found.

    A tile that a review contradicts is labelled anew or dropped. Slides of the validation or test part are never mined.
    Nothing is added twice.
    """
    from sentinode.studies import mining_study

    result = mining_study.mine(
        scans, annotations, tiles, out, threshold=threshold, slides=slides or (), per_slide=per_slide
    )
    present_part(result, as_json)
