"""`sentinode tissue`: tissue masks of slides, by rules or by a model trained from one's own masks."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, present, present_part, progress

Slides = Annotated[list[Path], typer.Argument(metavar="SLIDE…", help="Slide files, or folders that hold them.")]
MicronsPerPixel = Annotated[
    float | None, typer.Option("--mpp", help="µm/px of level 0, for slides that don't say it themselves.")
]
Series = Annotated[int | None, typer.Option(help="Which of several pictures in a file, from 0.")]

app = typer.Typer(help="Tissue masks: by rules, or by a model trained from your own masks.", no_args_is_help=True)


@app.command("apply")
def apply(
    slides: Slides,
    out: Annotated[Path, typer.Option("--out", help="Folder for NAME.png, NAME.overlay.png and NAME.json.")],
    model: Annotated[Path | None, typer.Option("--model", help="A model of `tissue train`; without: rules.")] = None,
    mpp: MicronsPerPixel = None,
    series: Series = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Find the tissue of slides: the mask, an overlay to look at, and the areas taken and left out in mm².

    A slide that can't be read does not stop the rest: it is listed at the end, and the exit status is 1.
    """
    from sentinode.studies.tissue_study import mask_tissue

    found = mask_tissue(slides, out, model=model, mpp=mpp, series=series, progress=progress(quiet))
    return present_part(found, as_json)


@app.command("train")
def train(
    slides: Slides,
    masks: Annotated[
        Path,
        typer.Option(
            "--masks", help="Folder with NAME.png (not 0: tissue), NAME.xml, .geojson or .json for each slide."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The model, an .npz file.")],
    seed: Annotated[int, typer.Option("--seed", help="Of the pixels drawn.")] = 0,
    mpp: MicronsPerPixel = None,
    series: Series = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a tissue model from your own masks, and say its Dice on slides that it did not see."""
    from sentinode.studies.tissue_study import train_tissue_model

    trained = train_tissue_model(slides, masks, out, seed=seed, mpp=mpp, series=series, progress=progress(quiet))
    present(trained, as_json)
