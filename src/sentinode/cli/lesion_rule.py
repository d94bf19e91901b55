"""`sentinode lesion-rule`: what calls a lesion, learned from scans whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, present, progress

app = typer.Typer(help="What calls a lesion, learned from scans whose truth is known.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Keep `fit` a command of its own."""


@app.command("fit")
def fit(
    bundle: Annotated[str, typer.Argument(help="The bundle that made the scans.")],
    scans: Annotated[Path, typer.Argument(help="Folder with the scans of `sentinode scan`.")],
    slides: Annotated[Path, typer.Option(help="Folder with their slides.")],
    annotations: Annotated[Path, typer.Option(help="Folder with NAME.xml, .geojson or .json of slides with tumour.")],
    out: Annotated[Path, typer.Option("--out", help="JSON file to write.")],
    patients: Annotated[
        Path | None, typer.Option(help="CSV of slide,patient: slides of a patient are left out together.")
    ] = None,
    second_look: Annotated[str, typer.Option(help="Bundle that looks again; auto: as in a scan.")] = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fit a rule for lesions on scans, and measure it across slides; `scan --rule FILE` uses it."""
    from sentinode.studies.cohort.lesion_rule_study import fit_lesion_rule

    fitted = fit_lesion_rule(
        bundle, scans, slides, annotations, out, patients=patients, second_look=second_look, progress=progress(quiet)
    )
    present(fitted, as_json)
