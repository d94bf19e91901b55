"""`sentinode mil`: models of whole slides from slides with a label only."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, Quiet, Set, present, progress, say


def mil(
    out: Out,
    labels: Annotated[
        Path, typer.Option("--labels", help="CSV: slide,label[,patient][,split], or CAMELYON17's patient,stage.")
    ],
    recipe: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="A TOML file; without one, the defaults.")
    ] = None,
    features: Annotated[
        Path | None, typer.Option("--features", help="Folder of features, NAME.h5 a slide, of ours, TRIDENT or CLAM.")
    ] = None,
    slides: Annotated[
        list[Path] | None,
        typer.Option("--slides", metavar="SLIDE|DIR", help="Whole slides, to compute features of first. Repeatable."),
    ] = None,
    model: Annotated[str, typer.Option(metavar="BUNDLE", help="What gives features of --slides.")] = "pcam",
    encoder: Annotated[
        str | None, typer.Option(help="The network of the features, where their files don't say it.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="Folder with outlines of lesions, to hold attention against.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="detection (the default), or stage: negative, ITC, micro, macro.")
    ] = None,
    itc: Annotated[
        str | None,
        typer.Option(help="What isolated tumour cells count as in detection: positive, negative or exclude."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of the labels, that figures are told apart by, such as a lesion's size."),
    ] = None,
    methods: Annotated[
        str | None, typer.Option(help="mean,max,top-k,abmil,clam-sb,dsmil,transmil, or some of them; all by default.")
    ] = None,
    folds: Annotated[int | None, typer.Option(help="Outer folds; as --set crossval.folds.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Repeats; as --set crossval.repeats.")] = None,
    seed: Annotated[int | None, typer.Option(help="As --set seed.")] = None,
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Fit the chosen method to parts of the slides, too.")
    ] = False,
    settings_: Set = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Learn from slides with a label only: every method side by side, the choice, a test seen once, and a bundle.

    Stopped at any moment, the same command goes on.
    """
    from sentinode.studies.mil import mil_study

    result = mil_study.mil(
        labels,
        out,
        features=features,
        slides=slides or (),
        model=model,
        recipe=recipe,
        annotations=annotations,
        learning_curve=learning_curve,
        task=task,
        itc=itc,
        by=by,
        encoder=encoder,
        methods=methods,
        folds=folds,
        repeats=repeats,
        seed=seed,
        overrides=settings_ or (),
        tell=None if as_json else say,
        progress=progress(quiet),
    )
    present(result, as_json)
