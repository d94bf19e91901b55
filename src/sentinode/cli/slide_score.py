"""`sentinode slide-score`: one calibrated score a slide, fitted on scans with labels."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, answer, say

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
    from sentinode.core.metric import Metric
    from sentinode.scanning.slide_score import fit_on_scans

    score = fit_on_scans(scans, labels, seed=seed)
    score.save(out)
    if as_json:
        answer(score.model_dump(mode="json"))
        return
    found = score.validation
    say(f"fitted on {score.model.slides} slides of {found.patients} patients, {score.model.tumour_slides} with tumour")
    say(f"AUC on other patients       {Metric.from_json(found.auc)}")
    say(f"AUC of the highest cell     {Metric.from_json(found.auc_of_highest)}")
    say(f"Brier score                 {found.brier:.4f} (of the prevalence alone: {found.brier_of_prevalence:.4f})")
    say(f"slide score written to {out}")


@app.command("apply")
def apply(
    scans: Annotated[Path, typer.Argument(help="Folder with finished scans.")],
    score: Annotated[Path, typer.Argument(metavar="FILE", help="What `slide-score fit` wrote.")],
) -> None:
    """Put a fitted slide score into finished scans, without scanning them again."""
    from sentinode.scanning.scan_queue import write_table
    from sentinode.scanning.slide_score import SlideScore, apply_to_scans

    records = apply_to_scans(SlideScore.load(score), scans)
    write_table(scans)
    for record in records:
        say(f"{record.name}   {'nothing scanned' if record.slide_score is None else f'{record.slide_score:.4f}'}")
