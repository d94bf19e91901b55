"""`sentinode study`: what one more thing brings, by a protocol that is fixed before it runs."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, Quiet, Source, present, progress

app = typer.Typer(no_args_is_help=True)

Protocol = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another protocol (patches=1000), or data.KEY=VALUE. Repeatable."),
]
Weights = Annotated[str, typer.Option(metavar="imagenet|FILE", help="First weights of the frozen features.")]


@app.callback()
def _studies() -> None:
    """What one more thing brings: a fixed protocol, several seeds, a verdict."""


@app.command("stain")
def stain(
    data: Source,
    out: Out,
    weights: Weights = "imagenet",
    settings_: Protocol = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Stain augmentation, normalisation, both or neither, on patches of appearances that were held out."""
    from sentinode.studies.stain.stain_study import study_stain

    result = study_stain(data, out, weights=weights, overrides=settings_ or (), progress=progress(quiet))
    present(result, as_json)


@app.command("pretraining")
def pretraining(
    data: Source,
    out: Out,
    weights: Annotated[str, typer.Option(metavar="imagenet|FILE", help="What both arms start from.")] = "imagenet",
    settings_: Protocol = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Pretraining without labels or none, at 1, 10 and 100 % of the labels, on patches of the test split."""
    from sentinode.studies.pretraining.pretraining_study import study_pretraining

    result = study_pretraining(data, out, weights=weights, overrides=settings_ or (), progress=progress(quiet))
    present(result, as_json)


@app.command("synthesis")
def synthesis(
    data: Source,
    out: Out,
    weights: Annotated[
        str, typer.Option(metavar="imagenet|FILE", help="What the trainings start from (SqueezeNet 1.1).")
    ] = "imagenet",
    features: Annotated[
        str, typer.Option(metavar="imagenet|FILE", help="Of the discriminator's frozen features (EfficientNet-Lite0).")
    ] = "imagenet",
    settings_: Protocol = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Real patches, synthetic ones, and both, at 1, 10 and 100 % of the labels, on patches of the test split."""
    from sentinode.studies.synthesis.synthesis_study import study_synthesis

    result = study_synthesis(
        data, out, weights=weights, features=features, overrides=settings_ or (), progress=progress(quiet)
    )
    present(result, as_json)


@app.command("context")
def context(
    data: Source,
    out: Out,
    weights: Annotated[
        str, typer.Option(metavar="imagenet|FILE", help="What every backbone starts from.")
    ] = "imagenet",
    settings_: Protocol = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Tiles alone or with what lies around them: false lesions at equal sensitivity, on slides composed of patches."""
    from sentinode.studies.context.context_study import study_context

    result = study_context(data, out, weights=weights, overrides=settings_ or (), progress=progress(quiet))
    present(result, as_json)


@app.command("centres")
def centres(
    data: Source,
    out: Out,
    centres_: Annotated[
        str,
        typer.Option(
            "--centres",
            metavar="CSV|hue",
            help="Table id,centre or group,centre; hue: clusters of hue stand in; without: the data names them.",
        ),
    ] = "",
    weights: Weights = "imagenet",
    settings_: Protocol = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """What a centre not trained on costs, and one tied to the class; whether embeddings go by class or by centre."""
    from sentinode.studies.centres.centres_study import study_centres

    result = study_centres(
        data, out, centres=centres_, weights=weights, overrides=settings_ or (), progress=progress(quiet)
    )
    present(result, as_json)
