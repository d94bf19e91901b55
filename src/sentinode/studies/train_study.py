"""`sentinode train`: a model trained, then measured once on images that it has not seen; one folder holds both."""

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinode.core.errors import RecipeError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.data.manifest import Manifest
from sentinode.metrics.metric_table import shown_in
from sentinode.models.bundle import open_bundle
from sentinode.training.recipe import Recipe, load_recipe, overlaid, parse_recipe
from sentinode.training.run_folder import SPLIT_FILE, RunFolder, begin_run, read_status, reopen_run

if TYPE_CHECKING:
    from sentinode.metrics.assessment import Assessment
    from sentinode.training.network_bundle import TrainedNetwork


@dataclass(frozen=True)
class Run:
    """A finished run: where its files are, and its figures."""

    folder: Path

    split: str
    """The split that the figures are of."""

    n: int
    """Images of it."""

    metrics: dict[str, Metric]
    """Those of `metrics.json`, by name."""

    excluded: dict[str, int]
    """Images of the data set that were left out, by kind."""

    @property
    def bundle(self) -> Path:
        """The folder of the bundle."""
        return self.folder / "bundle"

    @property
    def bundle_sha256(self) -> str:
        """The bundle's hash."""
        return open_bundle(self.bundle, trust=()).sha256

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report" / "report.html"

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "run": str(self.folder),
            "bundle": str(self.bundle),
            "bundle_sha256": self.bundle_sha256,
            "excluded": self.excluded,
            "split": self.split,
            "n": self.n,
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
        }

    def summary(self) -> str:
        """A few lines for a person: the figures, and the paths of what to look at."""
        from sentinode.reports.wording import with_interval

        lines = [f"{self.split} ({plural(self.n, 'image')})"]
        lines += [
            f"  {name:<12} {with_interval(name, self.metrics[name])}"
            for name in shown_in("short")
            if name in self.metrics
        ]
        if self.excluded:
            counts = ", ".join(f"{kind}: {count:,}" for kind, count in self.excluded.items())
            lines.append(f"left out  {counts}")
        return "\n".join(
            [*lines, f"report    {self.report}", f"bundle    {self.bundle}", f"SHA-256   {self.bundle_sha256}"]
        )


def train(
    recipe: str | Path | Recipe | None = None,
    *,
    data: str | None = None,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Run | None:
    """Train a model, calibrate it on validation, and measure it on the test split.

    `sentinode.train` says what each argument is. A run that is resumed ends with the same log, weights and report as if
    it had not been stopped.

    Returns:
        The run; None in every process but the first when several devices train together.

    Raises:
        RecipeError: Not exactly one of `recipe` and `resume`, or a recipe that is not as it should be.
        TrainingError: The folder holds something already, or no run; another command trains into it.
        SentinodeError: The data, the model or the training is not as it should be. Nothing is left of a run whose
            data or recipe was refused.
        KeyboardInterrupt: The user stopped it; the message says how to go on.
    """
    settings = settings or Settings.from_environment()
    if resume is not None:
        if recipe or data or overrides or out:
            raise RecipeError(
                "--resume takes the run's own recipe; give it alone, without a recipe, --data, --set or --out"
            )
        return _resumed(Path(resume), settings, progress)
    if recipe is None:
        raise RecipeError("name a recipe, for example `sentinode train pcam-cpu --data folder:DIR`, or --resume RUN")
    resolved = _resolved(recipe, data, overrides)
    folder = Path(out) if out is not None else _dated_folder(resolved)
    return _completed(begin_run(resolved, folder, settings, progress), settings, progress)


def assess_trained(
    trained: "TrainedNetwork", recipe: Recipe, data: Dataset, folder: Path, *, settings: Settings, progress: Progress
) -> "Assessment":
    """Write `report/` into the folder, and the figures into the bundle's card.

    The report is of the test split, or of validation where there is no test split, and then says so.
    """
    from sentinode.models.bundle_info import Headline
    from sentinode.models.bundle_writer import amend
    from sentinode.studies.evaluation import report_on, score
    from sentinode.studies.measured_split import MeasuredSplit
    from sentinode.studies.seen_images import SET

    split = "test" if len(data.manifest.rows("test")) else "validation"
    scored = score(trained.bundle, data, split, recipe.data.source, "openvino", settings, progress)
    report, log = folder / "report", trained.log
    how = "as the recipe shares the data out"
    measured = MeasuredSplit(data, split, split, how, known=SET if split == "validation" else "")
    assessment = report_on(trained.bundle, scored, report, measured=measured, log=log, best_epoch=trained.best_epoch)
    shown = {name: assessment.metrics[name] for name in shown_in("card") if name in assessment.metrics}
    amend(trained.bundle, metrics=Headline(split=assessment.split, n=assessment.n, figures=shown))
    return assessment


def _resolved(recipe: str | Path | Recipe, data: str | None, overrides: Sequence[str]) -> Recipe:
    if not isinstance(recipe, Recipe):
        return load_recipe(str(recipe), source=data, overrides=overrides)
    values = recipe.model_dump(mode="json", exclude_none=True)
    return parse_recipe(overlaid(values, recipe.name, source=data, overrides=overrides), recipe.name)


def _resumed(folder: Path, settings: Settings, progress: Progress) -> Run | None:
    if read_status(folder)["status"] != "finished":
        return _completed(reopen_run(folder, settings, progress), settings, progress)
    written = json.loads((folder / "report" / "metrics.json").read_text(encoding="utf-8"))
    metrics = {name: Metric.from_json(fields) for name, fields in written["metrics"].items()}
    return Run(folder, written["split"], written["n"], metrics, Manifest.load(folder / SPLIT_FILE).excluded())


def _completed(run: RunFolder, settings: Settings, progress: Progress) -> Run | None:
    """Train and assess, whatever of both is still to do."""
    with run.held():
        # torch, Lightning and matplotlib take seconds to import: not before the data was found to be good.
        from sentinode.training.network_bundle import train_network, trained_network

        trained = trained_network(run.recipe, run.path) if run.trained else None
        if trained is None:
            trained = train_network(run.recipe, run.data, run.path, threads=settings.threads, progress=progress)
        if trained is None:
            return None  # one of several processes that trained together: the first one goes on alone
        run.mark("trained")
        assessment = assess_trained(trained, run.recipe, run.data, run.path, settings=settings, progress=progress)
        run.mark("finished")
    return Run(run.path, assessment.split, assessment.n, assessment.metrics, run.data.manifest.excluded())


def _dated_folder(recipe: Recipe) -> Path:
    if recipe.training.devices > 1:
        raise RecipeError("training.devices > 1 starts several processes, which must agree on a folder: give --out")
    return Path("runs") / f"{recipe.name or 'run'}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
