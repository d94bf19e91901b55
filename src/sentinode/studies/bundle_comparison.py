"""`sentinode compare`: several bundles on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import EvaluationError
from sentinode.core.files import atomic_folder, write_json
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.metrics.comparison import Comparison, compare
from sentinode.metrics.predictions import Predictions
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.reports.comparison_page import write_comparison_page
from sentinode.reports.frame import Context
from sentinode.studies.bundle_recipe import recipe_of
from sentinode.studies.evaluation import ASSESSMENT_FOLDER, score
from sentinode.studies.measured_split import MeasuredSplit, load_split, unseen
from sentinode.training.recipe import load_data_config


@dataclass(frozen=True)
class BundleComparison:
    """Where the files are, and what is in them."""

    folder: Path
    comparisons: tuple[Comparison, ...]
    """The first bundle with each later one."""

    split: str
    """The images that they were compared on, and how these were chosen."""

    def to_json(self) -> list[dict[str, Any]]:
        """The content of `comparison.json`."""
        return [{**comparison.to_json(), "split": self.split} for comparison in self.comparisons]

    def summary(self) -> str:
        """The figures of both and their differences, for each later bundle, and the paths of what to look at."""
        lines = [f"{self.split}: {plural(self.comparisons[0].n, 'image')}"]
        for one in self.comparisons:
            lines.append(f"{one.name_a} → {one.name_b}")
            for name, difference in one.differences.items():
                first, second = (_value(figures[name]) for figures in (one.metrics_a, one.metrics_b))
                lines.append(f"  {name:<12} {first} → {second}   {difference.as_difference()}")
            if one.p_value is not None:
                lines.append(f"  {'DeLong test':<12} p = {one.p_value:.3g}")
        page, figures = self.folder / "comparison.html", self.folder / "comparison.json"
        return "\n".join([*lines, f"look at   {page}", f"figures   {figures}"])


def compare_bundles(
    names: Sequence[str | Path],
    address: str,
    out: str | Path,
    *,
    split: str = "test",
    overrides: Sequence[str] = (),
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> BundleComparison:
    """Compare bundles on the same images, every later one with the first, each at its own frozen threshold.

    Writes `comparison.html` and `comparison.json` into `out`. `sentinode.compare` says what each argument is; errors as
    for `evaluate_bundle`, and:

    Raises:
        EvaluationError: Fewer than two bundles, or bundles of different classes.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    bundles = [open_bundle(name) for name in names]
    if len(bundles) < 2:
        raise EvaluationError(f"{len(bundles)} bundle to compare; name at least two")
    ASSESSMENT_FOLDER.check(out)
    answers = answers_of(bundles, address, split, overrides, engine, settings, progress)
    comparisons = tuple(compare(answers.models))
    result = BundleComparison(out, comparisons, f"{answers.measured.name} ({answers.measured.how})")
    with atomic_folder(out) as temporary:
        write_json(temporary / "comparison.json", result.to_json())
        context = Context(data=address, split=result.split)
        write_comparison_page(comparisons, answers.models, context, temporary / "comparison.html")
    return result


@dataclass(frozen=True)
class Answers:
    """What several bundles say of the same images."""

    measured: MeasuredSplit
    """The images, and how they were chosen."""
    data: Dataset
    """They, without those that one of the bundles has learned from."""
    models: list[tuple[str, Predictions, float | None]]
    """Name, predictions and threshold of each bundle."""


def answers_of(
    bundles: Sequence[Bundle],
    address: str,
    split: str,
    overrides: Sequence[str],
    engine: str,
    settings: Settings,
    progress: Progress,
) -> Answers:
    """Run bundles over the same images, which none of them has learned from; arguments as for `compare_bundles`.

    Raises:
        EvaluationError: They are of different classes.
    """
    first, *others = bundles
    measured = load_split(first, address, split, overrides, settings, progress)
    data = measured.data
    on_leak = load_data_config(address, overrides, recipe_of(first).data).on_leak
    for bundle in others:
        _check_classes(bundle, first)
        data = data if measured.known else unseen(bundle, data, measured.split, on_leak=on_leak)
    models = [
        (
            bundle.name,
            score(bundle, data, measured.split, address, engine, settings, progress).predictions,
            _threshold(bundle),
        )
        for bundle in bundles
    ]
    return Answers(measured, data, models)


def _value(metric: Metric) -> str:
    return "undefined" if metric.value is None else f"{metric.value:.4f}"


def _check_classes(bundle: Bundle, first: Bundle) -> None:
    names, expected = bundle.info.classes.names, first.info.classes.names
    if names != expected:
        raise EvaluationError(
            f"{bundle.name} tells {', '.join(names)} apart, {first.name} tells {', '.join(expected)}; compare bundles "
            "of the same classes"
        )


def _threshold(bundle: Bundle) -> float | None:
    return None if bundle.info.threshold is None else bundle.info.threshold.value
