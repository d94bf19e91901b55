"""`sentinode tissue`: tissue masks of slides, by rules or by a model trained from one's own masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import SlideError
from sentinode.core.files import sha256_of_file
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.slide import open_slide
from sentinode.slides.slide_list import list_slides
from sentinode.slides.slide_names import SlideNames
from sentinode.slides.tissue.tissue_examples import read_example
from sentinode.slides.tissue.tissue_files import write_survey
from sentinode.slides.tissue.tissue_fit import mean_dice, train_tissue
from sentinode.slides.tissue.tissue_mask import TissueConfig, survey
from sentinode.slides.tissue.tissue_model import TissueModel


@dataclass(frozen=True)
class TissueMasks:
    """The tissue of slides, and slides that could not be read."""

    records: list[dict[str, Any]]
    """The content of each NAME.json."""

    failures: list[str]
    """Why a slide has no mask."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {"slides": self.records, "failures": self.failures}

    def summary(self) -> str:
        """A line for each slide: areas in mm²."""
        return "\n".join(map(_areas, self.records))

    def warnings(self) -> list[str]:
        """A line for each slide that failed."""
        return [f"no tissue mask: {failure}" for failure in self.failures]


def mask_tissue(
    slides: Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path | None = None,
    mpp: float | None = None,
    series: int | None = None,
    progress: Progress = SILENT,
) -> TissueMasks:
    """Find the tissue of slides: the mask, an overlay to look at, and the areas taken and left out in mm².

    A slide that can't be read does not stop the rest.

    Args:
        slides: Files, or folders that hold them.
        out: Folder for NAME.png, NAME.overlay.png and NAME.json.
        model: A model of `train_tissue_model`; None: rules.
        mpp: µm/px of level 0, for slides that don't say it themselves.
        series: Which of several pictures in a slide's file, from 0; None: the only one.
        progress: Where to show how far it is.

    Raises:
        DataError: The model can't be read, or there are no slides.
    """
    paths = list_slides([Path(slide) for slide in slides])
    loaded = TissueModel.load(Path(model)) if model else None
    method = {"method": "model", "model_sha256": sha256_of_file(Path(model))} if model else {"method": "rules"}
    records: list[dict[str, Any]] = []
    failures: list[str] = []
    with progress.bar("tissue", len(paths), "slides") as advance:
        for path in paths:
            try:
                with open_slide(path, mpp=mpp, series=series) as slide:
                    records.append(write_survey(slide, survey(slide, model=loaded), Path(out), method))
            except SlideError as error:
                failures.append(str(error))
            advance()
    return TissueMasks(records, failures)


@dataclass(frozen=True)
class TissueTraining:
    """A tissue model, and how well it does on slides that it did not see."""

    path: Path
    slides: int
    pixels: int
    held_out_dice: Mapping[str, float | None]
    """Slide → Dice of a model trained on the others; empty for one slide."""

    rules_dice: Mapping[str, float | None]
    """Slide → Dice of the rules."""

    notes: tuple[str, ...] = ()
    """What was mended in annotations."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "file": str(self.path),
            "slides": self.slides,
            "pixels": self.pixels,
            "held_out_dice": self.held_out_dice,
            "mean_held_out_dice": mean_dice(self.held_out_dice.values()),
            "rules_dice": self.rules_dice,
            "mean_rules_dice": mean_dice(self.rules_dice.values()),
            "notes": list(self.notes),
        }

    def summary(self) -> str:
        """A line for each slide, and the means."""
        lines = [
            f"{name}: Dice {_dice(self.held_out_dice.get(name))} on this slide left out of training, {_dice(rules)} by "
            "rules"
            for name, rules in self.rules_dice.items()
        ]
        mean = "not known: it takes two slides to leave one out"
        if self.held_out_dice:
            model, rules = mean_dice(self.held_out_dice.values()), mean_dice(self.rules_dice.values())
            mean = f"{_dice(model)} by the model, {_dice(rules)} by rules"
        last = f"tissue model of {plural(self.slides, 'slide')} in {self.path}; mean Dice of slides left out: {mean}"
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes), last])


def train_tissue_model(
    slides: Sequence[str | Path],
    masks: str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    mpp: float | None = None,
    series: int | None = None,
    progress: Progress = SILENT,
) -> TissueTraining:
    """Train a tissue model from one's own masks, and measure its Dice on slides that it did not see.

    Args:
        slides: Files, or folders that hold them.
        masks: Folder with NAME.png (not 0: tissue), NAME.xml, .geojson or .json for each slide.
        out: The model, an .npz file.
        seed: Of the pixels drawn.
        mpp: µm/px of level 0, for slides that don't say it themselves.
        series: Which of several pictures in a slide's file, from 0; None: the only one.
        progress: Where to show how far it is.

    Raises:
        DataError: A mask is missing or does not fit its slide.
        SlideError: A slide can't be read.
    """
    config, examples = TissueConfig(), []
    paths = list_slides([Path(slide) for slide in slides])
    drawn = AnnotationFolder(Path(masks), SlideNames(path.name for path in paths))
    for path in paths:
        with open_slide(path, mpp=mpp, series=series) as slide:
            examples.append(read_example(slide, drawn, config.mpp))
    trained = train_tissue(examples, config, seed=seed, progress=progress)
    trained.model.save(Path(out))
    info = trained.model.info
    notes = tuple(f"{one.name}: {text}" for one in examples for text in one.warnings)
    return TissueTraining(Path(out), len(examples), info.pixels, info.held_out_dice, trained.rules_dice, notes)


def _areas(record: dict[str, Any]) -> str:
    left_out = [f"{reason} {area:,.2f}" for reason, area in record["excluded_mm2"].items() if area >= 0.005]
    return (
        f"{record['slide']}: {record['tissue_mm2']:,.2f} mm² tissue; left out, mm²: {', '.join(left_out) or 'nothing'}"
    )


def _dice(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
