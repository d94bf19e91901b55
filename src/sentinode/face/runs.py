"""Training and cross-validation: from a recipe and data to a bundle with its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from sentinode.core.errors import TrainingError
from sentinode.core.extras import job, require
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_path, as_text, as_texts
from sentinode.face.assessments import metric_table, metrics_html

if TYPE_CHECKING:
    import pandas as pd

    from sentinode.core.metric import Metric
    from sentinode.studies.crossval.crossval_results import CrossvalResult
    from sentinode.studies.train_study import Run as Finished
    from sentinode.training.recipe import Recipe

_HELPED = "this process only helped another one to train on several devices; the result is that one's"


@dataclass(frozen=True, repr=False)
class Run:
    """A finished training run. A notebook shows its figures."""

    finished: "Finished"

    @property
    def folder(self) -> Path:
        """The run folder: recipe, split, log, bundle, report."""
        return self.finished.folder

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return self.finished.bundle

    @property
    def report(self) -> Path:
        """The page."""
        return self.finished.report

    @property
    def metrics(self) -> "Mapping[str, Metric]":
        """Name → figure with its interval, of the test split."""
        return self.finished.metrics

    @property
    def table(self) -> "pd.DataFrame":
        """A row a metric; see `Assessment.table`."""
        return metric_table(self.metrics)

    @property
    def log(self) -> "pd.DataFrame":
        """A row an epoch: losses, learning rate, validation metrics."""
        log: pd.DataFrame = require("pandas", extra="train").read_csv(self.folder / "log.csv")
        return log

    def summary(self) -> str:
        """A few lines: the figures, and the paths of what to look at."""
        return self.finished.summary()

    def __repr__(self) -> str:
        return f"Run({self.folder}, {self.finished.split}: {plural(self.finished.n, 'image')})"

    def _repr_html_(self) -> str:
        return metrics_html(self.metrics, repr(self))


@dataclass(frozen=True, repr=False)
class CrossValidation:
    """A finished cross-validation. A notebook shows what it says of itself."""

    finished: "CrossvalResult"

    @property
    def folder(self) -> Path:
        """The report's and the bundle's folder."""
        return self.finished.folder

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report" / "report.html"

    @property
    def bundle(self) -> Path | None:
        """The bundle that was refitted on all images; None: no network computes these features."""
        bundle = self.folder / "bundle"
        return bundle if bundle.is_dir() else None

    def summary(self) -> str:
        """The figures in a few lines, and the paths of what to look at."""
        return self.finished.summary()

    def __repr__(self) -> str:
        return f"CrossValidation({self.folder})"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.summary())}</pre>"


@job("train")
def load_recipe(
    recipe: str | Path, *, data: str | Path | None = None, overrides: Sequence[str] | None = None
) -> "Recipe":
    """A recipe, resolved and checked.

    Args:
        recipe: A shipped name or the path of a TOML file.
        data: The data's address, or its path, over the recipe's.
        overrides: `key.path=value`, the value as in TOML.

    Examples:
        >>> sn.load_recipe("demo", overrides=["training.epochs=3"]).training.epochs
        3

    Raises:
        ArgumentError: An argument is of another kind, such as None for a path.
        RecipeError: No such recipe, an unknown key, a wrong type or values that contradict each other.
    """
    from sentinode.training import recipe as recipes

    named = as_text("recipe", recipe, '"pcam-cpu"')
    return recipes.load_recipe(named, source=_address(data), overrides=_overrides(overrides))


@job("train")
def train(
    recipe: "str | Path | Recipe | None" = None,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    overrides: Sequence[str] | None = None,
    resume: str | Path | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> Run:
    """Train a model: data checks, fitting, calibration, a bundle, and a report on the test split.

    Args:
        recipe: A shipped name, the path of a TOML file, or what `sn.load_recipe` gives.
        data: The data's address, as `folder:DIR`, or its path; over the recipe's.
        out: The run folder to make; None: `runs/RECIPE-DATE-TIME`.
        overrides: `key.path=value`, over the recipe's.
        resume: A run folder to go on with, by its own recipe; then nothing else of the above is given.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.

    Examples:
        >>> quick = ["training.epochs=1", "training.warmup_epochs=0"]
        >>> run = sn.train("demo", data="folder:patches", overrides=quick, out="run")
        >>> sn.open_bundle(run.bundle).info.name
        'demo'

    Raises:
        ArgumentError: See `load_recipe`.
        RecipeError: Not exactly one of `recipe` and `resume`, or a recipe that is not as it should be.
        TrainingError: The folder holds something already, or no run; another process trains into it.
        DataError: The data is not what its layout says.
    """
    from sentinode.studies import train_study

    finished = train_study.train(
        recipe, data=_address(data), out=None if out is None else as_path("out", out, '"runs/a"'),
        overrides=_overrides(overrides), resume=None if resume is None else as_path("resume", resume, '"runs/a"'),
        settings=settings, progress=Progress(progress),
    )  # fmt: skip
    if finished is None:
        raise TrainingError(_HELPED)
    return Run(finished)


@job("crossval")
def crossval(
    recipe: str | Path,
    out: str | Path,
    *,
    data: str | Path | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    overrides: Sequence[str] | None = None,
    engine: str | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> CrossValidation:
    """Nested cross-validation, and a final model refitted on all images. Stopped, the same call goes on.

    Args:
        recipe: A shipped recipe's name, the path of a TOML file, or what gives the features: a bundle, an architecture,
            `pixels`, `colour` or `texture`.
        out: Folder for the report and the bundle.
        data: The data's address, as `folder:DIR`, or its path; over the recipe's.
        folds: Outer folds.
        repeats: Repeats, each with other folds.
        overrides: `key.path=value`, over the recipe's.
        engine: For the features: `openvino`, `torch`, or `auto`, the default.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.

    Examples:
        >>> quick = ["crossval.permutations=0", "classifier.grid={}"]
        >>> result = sn.crossval("colour", "honest", data="folder:patches", folds=2, repeats=1, overrides=quick)
        >>> result.report.is_file()
        True

    Raises:
        ArgumentError: See `load_recipe`.
        RecipeError: A recipe that is not as it should be.
        DataError: Too few images for so many folds, or data that is not what its layout says.
    """
    from sentinode.studies.crossval import crossval_study

    finished = crossval_study.crossval(
        as_text("recipe", recipe, '"colour"'), as_path("out", out, '"honest"'), data=_address(data), folds=folds,
        repeats=repeats, overrides=_overrides(overrides), engine=engine or "auto", settings=settings,
        progress=Progress(progress),
    )  # fmt: skip
    if finished is None:
        raise TrainingError(_HELPED)
    return CrossValidation(finished)


def _address(data: str | Path | None) -> str | None:
    return None if data is None else as_text("data", data, '"folder:patches"')


def _overrides(overrides: Sequence[str] | None) -> tuple[str, ...]:
    return as_texts("overrides", overrides, '"training.epochs=3"')
