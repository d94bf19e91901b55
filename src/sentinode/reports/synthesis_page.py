"""The page of a generator: drawn patches beside real ones, their figures, the nearest training images, the run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.metric import Metric
from sentinode.metrics.synthesis.sample_quality import SampleQuality
from sentinode.reports import wording
from sentinode.reports.contact_sheet import Pixels
from sentinode.reports.frame import Context, write_page
from sentinode.reports.picture import picture_address

_WIDEST = 1600
_ROWS = (
    ("frechet", "Fréchet distance", "0 where both are alike"),
    ("kernel", "Kernel distance × 1,000", "0 where both are alike"),
    ("precision", "Precision", "drawn images that lie among real ones"),
    ("recall", "Recall", "real images that lie among drawn ones"),
)


@dataclass(frozen=True, eq=False)
class SynthesisPictures:
    """What is looked at."""

    sheet: Pixels
    """Of each class a row of real patches and one of drawn ones."""
    nearest: Pixels
    """Drawn patches above the training images that they are nearest to."""


def write_synthesis_page(
    drawn: SampleQuality,
    floor: SampleQuality,
    copies: str,
    checks: Sequence[Sequence[str]],
    pictures: SynthesisPictures,
    class_names: Sequence[str],
    context: Context,
    out: Path,
) -> None:
    """Write the page.

    Args:
        drawn: Figures of drawn images.
        floor: Of other real ones.
        copies: What the test for copies says, in a sentence.
        checks: Lines of the run's log: step, losses, diversity, precision, recall, as text.
        pictures: What is looked at.
        class_names: In the order of the sheet.
        context: Data, facts, limits, recipe.
        out: The file.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    values: dict[str, Any] = {
        "title": "Synthetic patches",
        "kind": "synthesis",
        "heading": "What the generator draws",
        "facts": [("Data", context.data), *context.facts],
        "headline": [_headline(drawn, floor), f"{copies[0].upper()}{copies[1:]}."],
        "rows": [
            (title, means, _shown(getattr(drawn, name)), _shown(getattr(floor, name))) for name, title, means in _ROWS
        ],
        "method": drawn.frechet.method,
        "checks": checks,
        "sheet": picture_address(pictures.sheet, _WIDEST),
        "nearest": picture_address(pictures.nearest, _WIDEST),
        "order": ", ".join(wording.class_words(name) for name in class_names),
        "context": context,
    }
    write_page("synthesis.html.j2", values, out)


def _headline(drawn: SampleQuality, floor: SampleQuality) -> str:
    ends = drawn.frechet.low, floor.frechet.high
    apart = None not in ends and ends[0] > ends[1]  # type: ignore[operator]
    said = "drawn patches can be told from real ones" if apart else "drawn patches could not be told from real ones"
    return (
        f"Fréchet distance {_shown(drawn.frechet)}, where other real patches have {_shown(floor.frechet)}: by these "
        f"features {said}."
    )


def _shown(metric: Metric) -> str:
    if metric.value is None or metric.low is None or metric.high is None:
        return metric.method
    digits = 1 if metric.high >= 10 else 3
    value, low, high = (wording.number(one, digits) for one in (metric.value, metric.low, metric.high))
    return f"{value} ({low} to {high})"
