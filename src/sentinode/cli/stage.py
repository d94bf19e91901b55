"""`sentinode stage`: slide classes and patients' pN stages from scans."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, present


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
    from sentinode.studies.cohort.stage_study import stage_scans

    result = stage_scans(scans, patients, out, least_score=least_score)
    present(result, as_json)
