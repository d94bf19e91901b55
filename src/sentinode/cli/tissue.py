"""`sentinode tissue`: tissue masks of slides, by rules or by a model trained from one's own masks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinode.cli.options import AsJson, Quiet, answer, progress, say, warn

if TYPE_CHECKING:
    from sentinode.slides.tissue.tissue_model import TissueModel

DONE_IN_PART = 1

Slides = Annotated[list[Path], typer.Argument(metavar="SLIDE…", help="Slide files, or folders that hold them.")]
MicronsPerPixel = Annotated[
    float | None, typer.Option("--mpp", help="µm/px of level 0, for slides that don't say it themselves.")
]

app = typer.Typer(help="Tissue masks: by rules, or by a model trained from your own masks.", no_args_is_help=True)


@app.command("apply")
def apply(
    slides: Slides,
    out: Annotated[Path, typer.Option("--out", help="Folder for NAME.png, NAME.overlay.png and NAME.json.")],
    model: Annotated[Path | None, typer.Option("--model", help="A model of `tissue train`; without: rules.")] = None,
    mpp: MicronsPerPixel = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Find the tissue of slides: the mask, an overlay to look at, and the areas taken and left out in mm².

    A slide that can't be read does not stop the rest: it is listed at the end, and the exit status is 1.
    """
    from sentinode.core.errors import SlideError
    from sentinode.core.files import sha256_of_file
    from sentinode.slides.slide_list import list_slides
    from sentinode.slides.tissue.tissue_model import TissueModel

    paths = list_slides(slides)
    loaded = TissueModel.load(model) if model else None
    method = {"method": "model", "model_sha256": sha256_of_file(model)} if model else {"method": "rules"}
    records: list[dict[str, Any]] = []
    failures: list[str] = []
    with progress(quiet).bar("tissue", len(paths), "slides") as advance:
        for path in paths:
            try:
                records.append(_apply_to(path, loaded, out, mpp, method))
            except SlideError as error:
                failures.append(str(error))
            advance()
    if as_json:
        answer({"slides": records, "failures": failures})
    else:
        for record in records:
            say(_line(record))
    for failure in failures:
        warn(f"no tissue mask: {failure}")
    return DONE_IN_PART if failures else 0


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
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a tissue model from your own masks, and say its Dice on slides that it did not see."""
    from sentinode.slides.slide import open_slide
    from sentinode.slides.slide_list import list_slides
    from sentinode.slides.tissue.tissue_examples import read_example
    from sentinode.slides.tissue.tissue_mask import TissueConfig
    from sentinode.slides.tissue.tissue_training import mean_dice, train_tissue

    config, shown = TissueConfig(), progress(quiet)
    examples = []
    for path in list_slides(slides):
        with open_slide(path, mpp=mpp) as slide:
            examples.append(read_example(slide, masks, config.mpp))
    trained = train_tissue(examples, config, seed=seed, progress=shown)
    trained.model.save(out)
    held_out = trained.model.info.held_out_dice
    facts = {
        "file": str(out),
        "slides": len(examples),
        "pixels": trained.model.info.pixels,
        "held_out_dice": held_out,
        "mean_held_out_dice": mean_dice(held_out.values()),
        "rules_dice": trained.rules_dice,
        "mean_rules_dice": mean_dice(trained.rules_dice.values()),
    }
    if as_json:
        answer(facts)
        return
    for name, rules in trained.rules_dice.items():
        say(f"{name}: Dice {_shown(held_out.get(name))} on this slide left out of training, {_shown(rules)} by rules")
    mean = "not known: it takes two slides to leave one out"
    if held_out:
        mean = f"{_shown(facts['mean_held_out_dice'])} by the model, {_shown(facts['mean_rules_dice'])} by rules"
    say(f"tissue model of {len(examples)} slides in {out}; mean Dice of slides left out: {mean}")


def _apply_to(
    path: Path, model: "TissueModel | None", out: Path, mpp: float | None, method: dict[str, Any]
) -> dict[str, Any]:
    from sentinode.slides.slide import open_slide
    from sentinode.slides.tissue.tissue_files import write_survey
    from sentinode.slides.tissue.tissue_mask import survey

    with open_slide(path, mpp=mpp) as slide:
        return write_survey(slide, survey(slide, model=model), out, method)


def _line(record: dict[str, Any]) -> str:
    left_out = [f"{reason} {area:,.2f}" for reason, area in record["excluded_mm2"].items() if area >= 0.005]
    return (
        f"{record['slide']}: {record['tissue_mm2']:,.2f} mm² tissue; left out, mm²: {', '.join(left_out) or 'nothing'}"
    )


def _shown(dice: Any) -> str:
    return "–" if dice is None else f"{dice:.3f}"
