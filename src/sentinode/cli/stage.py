"""`sentinode stage`: slide classes and patients' pN stages from scans."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, answer, say


def stage(
    scans: Annotated[Path, typer.Argument(help="Folder with the scans of `sentinode scan`.")],
    patients: Annotated[Path, typer.Option(help="CSV: slide,patient[,stage], or CAMELYON17's patient,stage.")],
    out: Out,
    least_score: Annotated[
        float, typer.Option(min=0, max=1, help="Lesions whose highest score is below this don't count.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Class of each slide by its longest lesion, and each patient's pN stage by CAMELYON17's rule."""
    from sentinode.metrics.metric import Metric
    from sentinode.studies.cohort.stage_study import stage_scans

    found = stage_scans(scans, patients, out, least_score=least_score)
    if as_json:
        answer(found)
        return
    for patient, pn in found["stages"].items():
        say(f"{patient}   {pn}")
    if found["incomplete_patients"]:
        say(f"fewer or more than five slides: {', '.join(found['incomplete_patients'])}")
    if "quadratic_kappa" in found:
        say(f"quadratic kappa   {Metric.from_json(found['quadratic_kappa'])}")
    say(f"look at   {out / 'stages.html'}")
