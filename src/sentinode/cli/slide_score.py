"""`sentinode slide-score`: one calibrated score a slide, fitted on scans with labels."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, present, say

app = typer.Typer(help="One calibrated score a slide, fitted on scans with labels.", no_args_is_help=True)


@app.command("fit")
def fit(
    scans: Annotated[Path, typer.Argument(help="Folder with the scans of `sentinode scan`.")],
    labels: Annotated[Path, typer.Option(help="CSV: slide,label[,patient], or CAMELYON17's patient,stage.")],
    out: Annotated[Path, typer.Option("--out", help="JSON file to write.")],
    seed: Annotated[int, typer.Option(help="Of the cross-validation's folds.")] = 42,
    as_json: AsJson = False,
) -> None:
    """Fit a slide score on labelled scans, and measure it on slides of other patients."""
    from sentinode.studies.cohort.slide_score_study import fit_slide_score

    present(fit_slide_score(scans, labels, out, seed=seed), as_json)


@app.command("apply")
def apply(
    scans: Annotated[Path, typer.Argument(help="Folder with finished scans.")],
    score: Annotated[Path, typer.Argument(metavar="FILE", help="What `slide-score fit` wrote.")],
) -> None:
    """Put a fitted slide score into finished scans, without scanning them again."""
    from sentinode.studies.cohort.slide_score_study import apply_slide_score

    say(apply_slide_score(scans, score).summary())
