"""Bundles measured on labelled data: figures with their intervals, and the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sentinode.core.extras import job, require
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_path, as_paths, as_text, as_texts
from sentinode.face.notebook import html_table

if TYPE_CHECKING:
    import pandas as pd

    from sentinode.core.metric import Metric
    from sentinode.metrics.assessment import Assessment as Figures
    from sentinode.studies.bundle_comparison import BundleComparison

_DIFFERENCES = ("first", "other", "metric", "value", "low", "high", "method")
_HEAD = ("metric", "value", "low", "high", "method", "n")


@dataclass(frozen=True, repr=False)
class Assessment:
    """A bundle measured on a data set. A notebook shows its figures."""

    folder: Path
    """`metrics.json`, `predictions.csv`, `report.html`."""
    figures: "Figures"
    """Everything that was measured, curves and tables too."""

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    @property
    def metrics(self) -> "Mapping[str, Metric]":
        """Name → figure with its interval."""
        return self.figures.metrics

    @property
    def table(self) -> "pd.DataFrame":
        """A row a metric: value, the ends of its 95 % interval, how it was made, and n; the index has the names."""
        return metric_table(self.metrics)

    def summary(self) -> str:
        """A few lines: n, the headline figures with their intervals, the threshold, the targets."""
        return self.figures.summary()

    def __repr__(self) -> str:
        return f"Assessment({self.figures.split}: {plural(self.figures.n, 'image')}, {self.folder})"

    def _repr_html_(self) -> str:
        return metrics_html(self.metrics, repr(self))


def metric_table(metrics: "Mapping[str, Metric]") -> "pd.DataFrame":
    """A row a metric, by name; see `Assessment.table`."""
    table: pd.DataFrame = require("pandas", extra="evaluate").DataFrame(
        [metric.to_json() for metric in metrics.values()], index=list(metrics), columns=_HEAD[1:]
    )
    return table


def metrics_html(metrics: "Mapping[str, Metric]", caption: str) -> str:
    """The same for a notebook."""
    rows = [(name, *(metric.to_json()[key] for key in _HEAD[1:])) for name, metric in metrics.items()]
    return html_table(_HEAD, rows, caption)


@job("evaluate")
def evaluate(
    bundle: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    split: str | None = None,
    overrides: Sequence[str] | None = None,
    engine: str | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> Assessment:
    """Measure a bundle on labelled data, at its own frozen threshold.

    Args:
        bundle: Its folder, or the name of one that is shipped.
        data: The data's address, as `folder:DIR`, or its path.
        out: Folder for the report; an earlier report there is replaced.
        split: `test` (the default), `train` or `validation` as the bundle's own recipe shares the data out; one of the
            source's splits by its own name; or `all`.
        overrides: `data.key=value`, over what the bundle's recipe says of data.
        engine: `openvino`, `torch`, or `auto`, the default.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.

    Examples:
        >>> assessment = sn.evaluate("pcam", data="folder:patches", split="all", out="measured")
        >>> assessment.metrics["auc"].n
        72

    Raises:
        ArgumentError: An argument is of another kind, such as None for a path.
        DataError: The data is not what it must be, or does not have the split.
        LeakError: The bundle has learned from images of this split, or set its threshold on them.
    """
    from sentinode.studies.evaluation import evaluate_bundle

    folder = as_path("out", out, '"measured"')
    figures = evaluate_bundle(
        as_text("bundle", bundle, '"pcam"'), as_text("data", data, '"folder:patches"'), folder,
        split=split or "test", overrides=as_texts("overrides", overrides, '"data.on_leak=drop"'),
        engine=engine or "auto", settings=settings, progress=Progress(progress),
    )  # fmt: skip
    return Assessment(folder, figures)


@dataclass(frozen=True, repr=False)
class Comparison:
    """Bundles compared on the same images. A notebook shows the differences."""

    result: "BundleComparison"

    @property
    def folder(self) -> Path:
        """`comparison.html` and `comparison.json`."""
        return self.result.folder

    @property
    def table(self) -> "pd.DataFrame":
        """A row a difference: of each later bundle from the first, for each metric.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        table: pd.DataFrame = require("pandas", extra="evaluate").DataFrame(self._rows, columns=_DIFFERENCES)
        return table

    @property
    def _rows(self) -> list[tuple[object, ...]]:
        return [
            (one.name_a, one.name_b, name, metric.value, metric.low, metric.high, metric.method)
            for one in self.result.comparisons
            for name, metric in one.differences.items()
        ]

    def __repr__(self) -> str:
        return f"Comparison({self.folder})"

    def _repr_html_(self) -> str:
        return html_table(_DIFFERENCES, self._rows, repr(self))


@job("evaluate")
def compare(
    bundles: Sequence[str | Path],
    data: str | Path,
    out: str | Path,
    *,
    split: str | None = None,
    overrides: Sequence[str] | None = None,
    engine: str | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare bundles on the same images, every later one with the first, each at its own frozen threshold.

    Args:
        bundles: Two or more: folders or shipped names.
        data: See `evaluate`, as all that follow.
        out: Folder for the page.
        split: The split.
        overrides: Values over what the first bundle's recipe says of data.
        engine: The engine.
        settings: The machine's.
        progress: Show how far it is.

    Examples:
        >>> comparison = sn.compare(["pcam", "pcam"], data="folder:patches", split="all", out="compared")
        >>> bool((comparison.table["value"] == 0).all())
        True

    Raises:
        ArgumentError: See `evaluate`.
        EvaluationError: Fewer than two bundles, or bundles of different classes.
    """
    from sentinode.studies.bundle_comparison import compare_bundles

    result = compare_bundles(
        as_paths("bundles", bundles, '"pcam"'), as_text("data", data, '"folder:patches"'),
        as_path("out", out, '"compared"'), split=split or "test",
        overrides=as_texts("overrides", overrides, '"data.on_leak=drop"'), engine=engine or "auto", settings=settings,
        progress=Progress(progress),
    )  # fmt: skip
    return Comparison(result)
