"""`sentinode scan`: whole slides in; a heatmap, lesions and a score for each out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import Bundle
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.outcome import Outcome, table_of_failures
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_folder import ScanFolder
from sentinode.scanning.scan_queue import scan_slides
from sentinode.scanning.scan_record import FailedScan, FinishedScan
from sentinode.scanning.second_looker import AUTO
from sentinode.scanning.second_reading import choose_reading
from sentinode.scanning.slide_model import open_scanning
from sentinode.scanning.slide_score import SlideScore
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.slide_list import list_slides
from sentinode.studies.slide_options import checked_config


@dataclass(frozen=True)
class ScannedSlides:
    """How each slide came out, and where the scans are."""

    folder: Path
    bundle: Bundle
    """That scanned; of a slide bundle the one of its tiles."""
    outcomes: list[Outcome]
    slide_bundle: SlideBundle | None = None

    @property
    def failed(self) -> list[FailedScan]:
        """Slides that could not be scanned."""
        return [one.record for one in self.outcomes if one.record.status == "failed"]

    @property
    def finished(self) -> list[ScanFolder]:
        """The scans that there are, in the order of the slides."""
        records = [one.record for one in self.outcomes if one.record.status == "finished"]
        return [ScanFolder(self.folder / record.name, record) for record in records]

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        judged = self.slide_bundle
        return {
            "bundle": {"name": self.bundle.info.name, "sha256": self.bundle.sha256},
            "slide_bundle": {"name": judged.info.name, "sha256": judged.sha256} if judged else None,
            "scans": [{**one.record.model_dump(mode="json"), "reused": one.reused} for one in self.outcomes],
        }

    def summary(self) -> str:
        """Lines for a person: how many were scanned, and by what."""
        done = len(self.outcomes) - len(self.failed)
        counts = f"{done} of {plural(len(self.outcomes), 'slide')} scanned; table in {self.folder / 'scans.csv'}"
        said = f"{counts}\nbundle {self.bundle.info.name}, SHA-256 {self.bundle.sha256}"
        judged = self.slide_bundle
        return f"{said}\nslide bundle {judged.info.name}, SHA-256 {judged.sha256}" if judged else said

    def warnings(self) -> list[str]:
        """A table of the slides that failed; nothing where all went well."""
        return table_of_failures("not scanned", [(one.name, one.failure) for one in self.failed])


def scan(
    bundle: str | Path,
    slides: Sequence[str | Path],
    out: str | Path,
    *,
    region: str | Sequence[int] | None = None,
    rule: str | Path = AUTO,
    second_look: str = AUTO,
    slide_score: str | Path | None = None,
    threads: int | None = None,
    verify_reader: int = 0,
    tell: Callable[[str], None] | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
    **config: Any,
) -> ScannedSlides:
    """Scan whole slides: heatmap, lesions with their size, and a score for each.

    A slide that can't be scanned does not stop the rest. A scan that was stopped goes on with the same call; a finished
    one is not run again.

    Args:
        bundle: A bundle's folder or a shipped name, or a slide bundle's folder.
        slides: Files, or folders that hold them.
        out: Folder for a scan folder of each slide, and `scans.csv`.
        region: `X,Y,W,H` or four numbers, a level-0 rectangle: tiles touching it.
        rule: What calls a lesion: `heuristic`, a file of `fit_lesion_rule`, or `auto`: the rule that is shipped for the
            bundle, where there is one.
        second_look: The bundle that looks again for a learned rule; `auto`: the one that scans.
        slide_score: What `fit_slide_score` wrote; None: the highest cell.
        threads: CPU threads; None: those of the settings.
        verify_reader: Compare both readers on so many tiles first.
        tell: Called with a line for each slide as its outcome is known.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.
        config: Fields of `ScanConfig`, such as `stride_px=48`.

    Raises:
        SentinodeError: A field is wrong, or the bundle can't scan.
        StorageError: The disk is full, or `out` holds something else. What was finished is kept.
    """
    for name, number, least in (("threads", threads, 1), ("verify_reader", verify_reader, 0)):
        if number is not None and (not isinstance(number, int) or number < least):
            raise SentinodeError(f"{name} is {number!r}; give a whole number of at least {least}")
    checked = checked_config(ScanConfig, region, config)
    score = SlideScore.load(Path(slide_score)) if slide_score else None
    paths = list_slides([Path(slide) for slide in slides])
    told = None if tell is None else lambda one: tell(outcome_line(one))
    machine = Machine(threads or (settings or Settings.from_environment()).threads, verify_tiles=verify_reader)
    opened, slide_model = open_scanning(bundle, machine.threads)
    engine = LazyEngine(opened, checked.resolved(opened.info), machine.threads, slide_model)
    reading = choose_reading(rule, second_look, engine, machine)
    outcomes = scan_slides(engine, paths, Path(out), machine, progress, told, score, reading)
    return ScannedSlides(Path(out), opened, outcomes, slide_model.bundle if slide_model else None)


def outcome_line(one: Outcome) -> str:
    """What a slide gave, in one line, and in a line each what to know of it."""
    record = one.record
    name = " ".join(record.name.split())  # a line each, whatever the file is called
    if record.status == "failed":
        return f"{name}: failed while {record.failure.stage}"
    if record.slide_score is None:
        lesions = "no tissue to scan"
    else:
        longest = record.longest_lesion
        size = f", longest {longest.diameter_um / 1000:.2f} mm ({longest.size_class})" if longest else ""
        lesions = f"{_judged(record)}, {plural(len(record.lesions), 'lesion')}{size}"
    if record.not_assessed:
        lesions = f"not assessed, {record.not_assessed}" + (f" ({lesions})" if record.slide_score is not None else "")
    unread = f", {plural(record.tiles.unreadable, 'tile')} unreadable" if record.tiles.unreadable else ""
    line = "; ".join([f"{name}: {lesions}", f"{plural(record.tiles.planned, 'tile')}{unread}", *_pace(one)])
    return "\n".join([line, *(f"  note: {note}" for note in record.notes)])


def _judged(record: FinishedScan) -> str:
    model = record.slide_model
    if model is None:
        return f"score {record.slide_score:.3f}"
    return f"{'positive' if model.positive else 'negative'} by {model.name} ({model.score:.3f})"


def _pace(one: Outcome) -> list[str]:
    """How fast the first look was, and how long the second one took."""
    if one.reused:
        return ["finished before"]
    record = one.record
    first = [f"{record.tiles_per_s:,.0f} tiles/s"] if record.tiles_per_s else []
    second = record.timings_s.get("second look") if record.status == "finished" else None
    return [*first, f"second look {second:.1f} s"] if second else first
