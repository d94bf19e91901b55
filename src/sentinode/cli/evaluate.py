"""`sentinode evaluate`: a bundle measured on labelled data."""

from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Out, Quiet, Set, Source, answer, progress, say


def evaluate(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam, pcam-strong.")],
    data: Source,
    out: Out,
    split: Annotated[str, typer.Option(help="train, validation, test, a split's own name, or all.")] = "test",
    settings_: Set = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure a bundle on labelled data, at its own frozen threshold: metrics.json, predictions.csv, report.html."""
    from sentinode.studies.evaluation import evaluate_bundle

    assessment = evaluate_bundle(
        bundle,
        data,
        out,
        split=split,
        overrides=settings_ or (),
        engine=engine,
        progress=progress(quiet),
    )
    if as_json:
        answer(assessment.to_json())
    else:
        say(assessment.summary())
        say(f"look at   {out.joinpath('report.html')}")
