"""The rows of a run of synthesis: what each check found, and whether the generator has collapsed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sentinode.core.csv_output import write_csv

LOG_FILE = "log.csv"
_LEAST_DIVERSITY = 0.2
"""Of that of real images: what is less alike than this is no collapse, only narrow."""
_IN_A_ROW = 2
_GRACE = 0.3
"""Share of the steps before which nothing is called a collapse: a generator begins with images that are all alike."""


@dataclass(frozen=True)
class CheckRow:
    """One check, on images drawn and as many held out."""

    step: int
    """Batches learned from so far."""
    discriminator_loss: float
    """Mean over the steps since the last check."""
    generator_loss: float
    diversity: float
    """Mean distance of two drawn images of a class, as a part of that of two real ones; the least of all classes."""
    precision: float
    """Share of drawn images that lie among the real ones."""
    recall: float
    """Share of real images that lie among the drawn ones."""


def collapsed(rows: Sequence[CheckRow], steps: int) -> str:
    """What has collapsed, in words; empty: nothing has.

    Two checks in a row, after the first 30 % of the steps, whose images of a class are less than a fifth as far from
    each other as real ones are; or no real image among the drawn ones, at three checks in a row after half of the
    steps.

    Args:
        rows: So far.
        steps: Of the whole run.
    """
    late = [row for row in rows if row.step > _GRACE * steps]
    last = late[-_IN_A_ROW:]
    if len(last) == _IN_A_ROW and all(not row.diversity >= _LEAST_DIVERSITY for row in last):
        shown = ", ".join(f"{row.diversity:.2f}" for row in last)
        return f"drawn images of a class are nearly one image (their distance is {shown} of real ones')"
    half = [row for row in rows if row.step > steps / 2][-_IN_A_ROW - 1 :]
    if len(half) == _IN_A_ROW + 1 and all(row.recall == 0 for row in half):
        return f"no real image lies among the drawn ones (recall 0 at {len(half)} checks in a row)"
    return ""


def write_log(folder: Path, rows: Sequence[CheckRow]) -> None:
    """Write `log.csv`."""
    columns = [one.name for one in fields(CheckRow)]
    shown = ([value if key == "step" else f"{value:.6g}" for key, value in asdict(row).items()] for row in rows)
    write_csv(folder / LOG_FILE, columns, shown)
