"""`sentinode synthesise`: from labelled patches to a generator, its figures, and synthetic patches."""

import datetime
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.csv_output import write_csv
from sentinode.core.csv_table import read_table
from sentinode.core.errors import RecipeError
from sentinode.core.files import atomic_file, atomic_folder, write_json
from sentinode.core.messages import count, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle_writer import library_versions
from sentinode.reports import wording
from sentinode.reports.contact_sheet import class_rows, contact_sheet
from sentinode.reports.frame import Context
from sentinode.reports.synthesis_page import SynthesisPictures, write_synthesis_page
from sentinode.studies.sample_figures import SampleFigures, open_measure, open_measuring_network, reduced
from sentinode.training.synthesis.generator_file import (
    GENERATOR_FILE,
    FinishedGenerator,
    read_generator,
    write_generator,
)
from sentinode.training.synthesis.synthesis_fit import GeneratorCollapseError, fit_generator
from sentinode.training.synthesis.synthesis_folder import (
    SynthesisFolder,
    begin_synthesis,
    read_synthesis,
    reopen_synthesis,
)
from sentinode.training.synthesis.synthesis_log import CheckRow
from sentinode.training.synthesis.synthesis_recipe import make_synthesis_recipe

FIGURES_FILE = "figures.json"
PAGE = "synthesis.html"
SHEET = "contact_sheet.png"
SAMPLES = "samples"
WITH_REAL = "with_real.csv"
_SHOWN = 12
_NO_TEST = (
    "Figures say how near drawn patches come to real ones by some features. Whether they help a training, only a study "
    "says (sentinode study synthesis)."
)
_INDEPENDENT = (
    "Patches count as independent in the intervals. Those of one slide are not, so the intervals are too narrow rather "
    "than too wide."
)
_NO_MIDDLE = "The generator knows no place in an image: it can't draw that something lies in the middle of one class."
_LABELS = (
    "The class of a drawn patch is what was asked for, not what a pathologist has seen in it. They are for training "
    "alone: never measure a model on them."
)


@dataclass(frozen=True)
class Synthesis:
    """A finished run."""

    folder: Path
    figures: dict[str, Any]
    """As in `figures.json`."""
    samples: Path | None
    """The table of synthetic patches; None: none were asked for."""
    training: Path | None = None
    """The same beside the real patches; None where it could not be written."""
    not_joined: str = ""
    """Why it could not."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "run": str(self.folder),
            "generator": str(self.folder / GENERATOR_FILE),
            "samples": None if self.samples is None else str(self.samples),
            "with_real": None if self.training is None else str(self.training),
            **self.figures,
        }

    def summary(self) -> str:
        """A few lines for a person."""
        drawn, real = self.figures["drawn"], self.figures["real"]
        lines = [
            f"{name:<10}{drawn[name]['value']:.3f} ({drawn[name]['low']:.3f}–{drawn[name]['high']:.3f}); "
            f"of other real patches {real[name]['value']:.3f}"
            for name in ("frechet", "kernel", "precision", "recall")
        ]
        lines += [f"copies    {self.figures['copies']['verdict']}", f"generator {self.folder / GENERATOR_FILE}"]
        if self.samples is not None:
            lines.append(f"samples   {self.samples}, to train on alone: never measure a model on them")
        if self.training is not None:
            lines.append(f"train     sentinode train RECIPE --data csv:{self.training}")
        elif self.not_joined:
            lines.append(
                f"          {WITH_REAL} was not written: {self.not_joined}. To train, add rows of real patches for "
                "validation and test to the table"
            )
        return "\n".join([*lines, f"look at   {self.folder / PAGE}"])


def synthesise(
    data: str | None = None,
    *,
    minutes: float | None = None,
    out: str | Path | None = None,
    samples: int = 0,
    overrides: Sequence[str] = (),
    resume: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Synthesis:
    """Train a class-conditional generator on the training split alone, measure it, and draw patches.

    A run that is resumed ends with the same bytes as if it had not been stopped.

    Args:
        data: The labelled patches' address; they need a training and a validation split.
        minutes: How long to learn; turned into steps at the start, by the pace that is then measured.
        out: The run folder to make; None: `runs/synthesis-DATE-TIME`.
        samples: So many synthetic patches are drawn in the end, equally many of each class; of a finished run, too.
        overrides: `key.path=value` of the recipe.
        resume: A run folder to go on with, by its own recipe.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: Not exactly one of `data` and `resume`, or a value that is not as it should be.
        TrainingError: The generator has collapsed; the folder holds something already, or no run.
        SentinodeError: The images or the networks are not as they should be.
        KeyboardInterrupt: The user stopped it; the message says how to go on.
    """
    settings = settings or Settings.from_environment()
    if samples < 0:
        raise RecipeError(f"--samples {samples}; give how many patches to draw, 0 or more")
    if resume is not None:
        if data or minutes or overrides or out:
            raise RecipeError("--resume takes the run's own recipe and steps; give it alone, or with --samples")
        run = reopen_synthesis(Path(resume), settings, progress)
    else:
        if data is None:
            raise RecipeError("name the patches, for example `sentinode synthesise --data folder:DIR --minutes 30`")
        recipe = make_synthesis_recipe(data, overrides)
        open_measuring_network(recipe, settings.threads)  # what is missing is said before it learns, not after
        folder = Path(out) if out is not None else Path("runs") / f"synthesis-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        run = begin_synthesis(recipe, minutes, folder, settings, progress)
    with run.held():
        _check_samples(run, samples)
        if read_synthesis(run.path)["status"] != "finished":
            _complete(run, settings, progress)
        why = _write_samples(run, samples) if samples else ""
    figures = json.loads((run.path / FIGURES_FILE).read_text(encoding="utf-8"))
    if not samples:
        return Synthesis(run.path, figures, None)
    folder = run.path / SAMPLES
    return Synthesis(run.path, figures, folder / "samples.csv", None if why else folder / WITH_REAL, why)


def _check_samples(run: SynthesisFolder, amount: int) -> None:
    """Refuse before anything is learned what could not be drawn, or would replace what a training may have used."""
    if left := amount % (n := len(run.images.class_names)):
        raise RecipeError(
            f"--samples {amount} can't be shared out equally among {plural(n, 'class')}; give {amount + n - left}"
        )
    table = run.path / SAMPLES / "samples.csv"
    if amount and table.is_file() and (there := len(read_table(table).lines)) != amount:
        raise RecipeError(
            f"{table.parent} holds {plural(there, 'synthetic patch')} already, and --samples is {amount}; move "
            "or remove that folder first"
        )


def _complete(run: SynthesisFolder, settings: Settings, progress: Progress) -> None:
    try:
        contest, rows = fit_generator(run.recipe, run.images, run.path, threads=settings.threads, progress=progress)
    except GeneratorCollapseError as error:
        run.mark("collapsed", reason=str(error))
        raise
    images = run.images
    mpp = None if images.mpp is None else images.mpp * images.side / run.recipe.synthesis.side
    finished = FinishedGenerator(contest.kept(), images.class_names, images.sha256, mpp)
    write_generator(finished, run.path / GENERATOR_FILE)
    measure = open_measure(run.recipe, images, settings.threads)
    drawn, classes = finished.draw(len(measure.real), run.recipe.seed)
    figures = measure.of(drawn)
    write_json(run.path / FIGURES_FILE, figures.to_json())
    pictures = _pictures(run, drawn, classes, figures)
    with atomic_file(run.path / SHEET) as temporary:
        Image.fromarray(pictures.sheet).save(temporary, "PNG")
    _write_page(run, figures, rows, pictures)
    run.mark("finished")


def _pictures(
    run: SynthesisFolder, drawn: NDArray[np.uint8], classes: NDArray[np.int64], figures: SampleFigures
) -> SynthesisPictures:
    images, side = run.images, run.recipe.synthesis.side
    some = images.held_out.drawn(_SHOWN * len(images.class_names), run.recipe.seed)
    rows = class_rows(images.class_names, (reduced(some.images[:], side), some.classes), (drawn, classes))
    closest = np.argsort(figures.copies.closeness, kind="stable")[:_SHOWN]
    nearest = reduced(images.learned.images[figures.copies.nearest[closest]], side)
    return SynthesisPictures(contact_sheet(rows), contact_sheet([drawn[closest], nearest]))


def _write_page(
    run: SynthesisFolder, figures: SampleFigures, rows: Sequence[CheckRow], pictures: SynthesisPictures
) -> None:
    config, images = run.recipe.synthesis, run.images
    context = Context(
        data=images.described,
        facts=[
            ("Drawn", f"{config.side} px, of {images.side} px patches"),
            ("Steps", f"{count(config.steps or 0)} of {plural(config.batch_size, 'image')}"),
            ("Measured by", figures.by),
        ],
        notes=[_LABELS, _NO_TEST, _NO_MIDDLE, _INDEPENDENT],
        provenance={"Images (SHA-256)": images.sha256, "Made with": wording.versions(library_versions())},
        recipe=run.recipe.to_toml(),
    )
    checks = [[count(row.step), *(wording.number(value) for value in list(asdict(row).values())[1:])] for row in rows]
    write_synthesis_page(
        figures.drawn, figures.floor, figures.copies.verdict(), checks, pictures, images.class_names, context,
        run.path / PAGE,
    )  # fmt: skip


def _write_samples(run: SynthesisFolder, amount: int) -> str:
    """Synthetic patches as files with a table of them, and one with the real ones, too, or why there is none."""
    finished = read_generator(run.path / GENERATOR_FILE)
    # Not the seed of the figures: what was measured is not what is trained on.
    drawn, classes = finished.draw(amount, run.recipe.seed + 1)
    folder = run.path / SAMPLES
    with atomic_folder(folder) as temporary:
        rows = []
        for number, (pixels, label) in enumerate(zip(drawn, classes, strict=True), start=1):
            name = f"images/{number:07d}.png"
            (temporary / name).parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(temporary / name)
            rows.append((name, finished.class_names[label], "", "train", "yes"))
        columns = ("path", "label", "group", "split", "synthetic")
        write_csv(temporary / "samples.csv", columns, rows)
        if not (why := _why_not_joined(run)):
            write_csv(temporary / WITH_REAL, columns, [*_real_rows(run, folder), *rows])
    return why


def _why_not_joined(run: SynthesisFolder) -> str:
    """Why drawn and real patches can't stand in one table; empty: they can."""
    images, side = run.images, run.recipe.synthesis.side
    if images.side != side:
        return f"drawn patches have {side} px, real ones {images.side} px (synthesis.side)"
    if images.table is None or not all(Path(one).is_file() for one in images.table["path"]):
        return "the real patches are no files of their own"
    return ""


def _real_rows(run: SynthesisFolder, folder: Path) -> list[tuple[str, ...]]:
    """The real patches of all splits, as paths from `folder`."""
    table = run.images.table
    assert table is not None
    relative = [os.path.relpath(Path(one).resolve(), folder.resolve()) for one in table["path"]]
    groups = ["" if pd.isna(one) else str(one) for one in table["group"]]
    return [(*row, "") for row in zip(relative, table["label"], groups, table["split"], strict=True)]
