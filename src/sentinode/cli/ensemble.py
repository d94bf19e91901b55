"""`sentinode ensemble`: several bundles averaged into one, or one with other test-time averaging."""

from typing import Annotated, Literal

import typer

from sentinode.cli.options import AsJson, Engine, Out, Quiet, Set, Source, present, progress


def ensemble(
    bundles: Annotated[list[str], typer.Argument(help="Bundles: folders or shipped names.")],
    data: Source,
    out: Out,
    mean: Annotated[
        Literal["probabilities", "logits"] | None,
        typer.Option(help="What is averaged over the members; probabilities unless said otherwise."),
    ] = None,
    test_time: Annotated[
        Literal["d4", "none"] | None,
        typer.Option(help="d4: average over the eight flips and quarter turns; none: one look a tile; else as it is."),
    ] = None,
    settings_: Set = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Average bundles into one, its threshold and temperature fitted anew on validation.

    With one bundle and --test-time: the same model with averaging over orientations switched on or off.
    """
    from sentinode.studies.ensemble_study import ensemble_bundles

    result = ensemble_bundles(
        bundles,
        data,
        out,
        mean=mean,
        test_time=test_time,
        overrides=settings_ or (),
        engine=engine,
        progress=progress(quiet),
    )
    present(result, as_json)
