"""Slides with a label only: every method side by side, and the one to keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinode.core.extras import job, require
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_path, as_texts

if TYPE_CHECKING:
    import pandas as pd

    from sentinode.studies.mil.mil_folder import MilResult


@dataclass(frozen=True, repr=False)
class SlideMethods:
    """A finished comparison of methods. A notebook shows what it says of itself."""

    finished: "MilResult"

    @property
    def folder(self) -> Path:
        """The report's folder, and that of every fit."""
        return self.finished.folder

    @property
    def report(self) -> Path:
        """The page."""
        return self.finished.report

    @property
    def chosen(self) -> str:
        """The method that was chosen."""
        return str(self.finished.metrics["chosen"])

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The content of `metrics.json`."""
        return self.finished.metrics

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each method and set of slides: method, kind, split, and each figure with its interval."""
        table: pd.DataFrame = require("pandas", extra="train").read_csv(self.report.with_name("methods.csv"))
        return table

    def summary(self) -> str:
        """The figures in a few lines, and the paths of what to look at."""
        return self.finished.summary()

    def __repr__(self) -> str:
        return f"SlideMethods({self.folder}, chosen: {self.chosen})"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.summary())}</pre>"


@job("train,scan")
def mil(
    labels: str | Path,
    out: str | Path,
    *,
    features: str | Path | None = None,
    slides: Sequence[str | Path] | None = None,
    model: str = "pcam",
    recipe: str | Path | None = None,
    annotations: str | Path | None = None,
    learning_curve: bool = False,
    task: str | None = None,
    itc: str | None = None,
    by: str | None = None,
    encoder: str | None = None,
    methods: Sequence[str] | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    seed: int | None = None,
    overrides: Sequence[str] | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> SlideMethods:
    """Compare every method on slides of which only a label is known. Stopped, the same call goes on.

    Args:
        labels: CSV slide,label[,patient][,split], or CAMELYON17's patient,stage.
        out: Folder for the report and every fit.
        features: Folder of features, NAME.h5 a slide. With `slides` they are written there first.
        slides: Whole slides, or folders of them, whose features are computed first.
        model: The bundle that gives features of `slides`.
        recipe: The path of a TOML file; None: the defaults.
        annotations: Folder with outlines of lesions, to hold attention against.
        learning_curve: Fit the chosen method to parts of the slides, too.
        task: `detection`, the default, or `stage`.
        itc: What isolated tumour cells count as in detection: `positive`, `negative` or `exclude`.
        by: Column of the labels that figures are told apart by.
        encoder: The network of the features, where their files don't say it.
        methods: Some of mean, max, top-k, abmil, clam-sb, dsmil, transmil; None: all.
        folds: Outer folds.
        repeats: Repeats, each with other folds and seeds.
        seed: Of all randomness.
        overrides: `key.path=value`, over the recipe's.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.

    Examples:
        >>> quick = ["mil.epochs=2", "crossval.permutations=0", "crossval.explained=0"]
        >>> found = sn.mil("labels.csv", "mil", features="bags", methods=["mean", "max"], folds=2, overrides=quick)
        >>> found.report.is_file()
        True

    Raises:
        ArgumentError: An argument is of another kind, such as None for a path.
        RecipeError: A recipe that is not as it should be, or neither slides nor features.
        DataError: Labels, features or annotations that are not as they should be.
    """
    from sentinode.studies.mil import mil_study

    finished = mil_study.mil(
        as_path("labels", labels, '"labels.csv"'), as_path("out", out, '"mil"'),
        features=None if features is None else as_path("features", features, '"bags"'),
        slides=[as_path("slides", slide, '["slides"]') for slide in slides or ()], model=model, recipe=recipe,
        annotations=None if annotations is None else as_path("annotations", annotations, '"annotations"'),
        learning_curve=learning_curve, task=task, itc=itc, by=by, encoder=encoder, methods=methods, folds=folds,
        repeats=repeats, seed=seed, overrides=as_texts("overrides", overrides, '"mil.epochs=3"'), settings=settings,
        progress=Progress(progress),
    )  # fmt: skip
    return SlideMethods(finished)
