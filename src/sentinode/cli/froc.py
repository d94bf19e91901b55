"""`sentinode froc`: scans against annotations."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Out, present


def froc(
    scans: Annotated[Path, typer.Argument(help="Folder with the scans of `sentinode scan`.")],
    annotations: Annotated[Path, typer.Option(help="Folder with NAME.xml, .geojson or .json of slides with tumour.")],
    out: Out,
    radius_um: Annotated[float, typer.Option(help="Least distance of two detections in µm.")] = 200.0,
    minimum: Annotated[float, typer.Option(min=0, max=1, help="Least score of a detection.")] = 0.1,
    patients: Annotated[
        Path | None, typer.Option(help="CSV slide,patient: intervals then resample whole patients.")
    ] = None,
    slides: Annotated[Path | None, typer.Option(help="Folder with the slides, for thumbnails in the page.")] = None,
    tumour_name: Annotated[
        list[str] | None, typer.Option(help="A class of annotations that means tumour. Repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """FROC by CAMELYON16's algorithm, and slide AUC, of scans with annotations."""
    from sentinode.studies.cohort.froc_study import froc_of_scans

    result = froc_of_scans(
        scans, annotations, out, radius_um=radius_um, minimum=minimum, patients=patients, slides=slides,
        tumour_names=tuple(tumour_name or ()),
    )  # fmt: skip
    present(result, as_json)
