"""How a slide came out of a cohort."""

from dataclasses import dataclass

from sentinode.scanning.scan_record import FailedScan, FinishedScan, Stage


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
