"""How a slide came out of a cohort."""

from collections.abc import Sequence
from dataclasses import dataclass

from sentinode.scanning.scan_record import FailedScan, Failure, FinishedScan, Stage


@dataclass(frozen=True)
class Outcome:
    """A slide's record, and whether it was scanned now."""

    record: FinishedScan | FailedScan
    reused: bool
    """Whether a finished scan of the same slide, bundle and configuration was there already."""


class SlideFailedError(Exception):
    """A slide that could not be scanned; the cause is what went wrong."""

    def __init__(self, stage: Stage, cause: Exception) -> None:
        super().__init__(f"{stage}: {cause}")
        self.stage = stage
        self.cause = cause


def table_of_failures(title: str, failures: Sequence[tuple[str, Failure]]) -> list[str]:
    """Lines for a person: which slides failed, in which stage, and why; none where none did.

    Args:
        title: Above the names, such as `not scanned`.
        failures: A slide's name, and why.
    """
    if not failures:
        return []
    cells = [(title, "while", "why"), *((name, failure.stage, failure.message) for name, failure in failures)]
    rows = [tuple(" ".join(text.split()) for text in row) for row in cells]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"{name:<{widths[0]}}  {stage:<{widths[1]}}  {why}" for name, stage, why in rows]
