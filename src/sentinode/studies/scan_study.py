"""`sentinode scan`: whole slides in; a heatmap, lesions and a score for each out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import one_line, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.outcome import Outcome
from sentinode.scanning.scan_config import Machine, ScanConfig
from sentinode.scanning.scan_folder import ScanFolder
from sentinode.scanning.scan_queue import scan_slides
from sentinode.scanning.scan_record import FailedScan
from sentinode.scanning.second_looker import AUTO
from sentinode.scanning.second_reading import choose_reading
from sentinode.scanning.slide_score import SlideScore
from sentinode.slides.slide_list import list_slides


@dataclass(frozen=True)
class ScannedSlides:
    """How each slide came out, and where the scans are."""

    folder: Path
    bundle: Bundle
    outcomes: list[Outcome]

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
        return {
            "bundle": {"name": self.bundle.info.name, "sha256": self.bundle.sha256},
            "scans": [{**one.record.model_dump(mode="json"), "reused": one.reused} for one in self.outcomes],
        }

    def summary(self) -> str:
        """Two lines for a person: how many were scanned, and by what."""
        done = len(self.outcomes) - len(self.failed)
        counts = f"{done} of {plural(len(self.outcomes), 'slide')} scanned; table in {self.folder / 'scans.csv'}"
        return f"{counts}\nbundle {self.bundle.info.name}, SHA-256 {self.bundle.sha256}"

    def warnings(self) -> list[str]:
        """A table of the slides that failed; nothing where all went well."""
        failures = [(one.name, one.failure) for one in self.failed]
        cells = [(name, failure.stage, failure.message) for name, failure in failures]
        if not cells:
            return []
        rows = [tuple(" ".join(text.split()) for text in row) for row in [("not scanned", "while", "why"), *cells]]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        return [f"{name:<{widths[0]}}  {stage:<{widths[1]}}  {why}" for name, stage, why in rows]


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
        bundle: A bundle's folder or a shipped name.
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
    checked = _config(region, config)
    score = SlideScore.load(Path(slide_score)) if slide_score else None
    paths = list_slides([Path(slide) for slide in slides])
    opened = open_bundle(bundle)
    told = None if tell is None else lambda one: tell(outcome_line(one))
    machine = Machine(threads or (settings or Settings.from_environment()).threads, verify_tiles=verify_reader)
    engine = LazyEngine(opened, checked.resolved(opened.info), machine.threads)
    reading = choose_reading(rule, second_look, engine, machine)
    outcomes = scan_slides(engine, paths, Path(out), machine, progress, told, score, reading)
    return ScannedSlides(Path(out), opened, outcomes)


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
        lesions = f"score {record.slide_score:.3f}, {plural(len(record.lesions), 'lesion')}{size}"
    if record.not_assessed:
        lesions = f"not assessed, {record.not_assessed}" + (f" ({lesions})" if record.slide_score is not None else "")
    unread = f", {plural(record.tiles.unreadable, 'tile')} unreadable" if record.tiles.unreadable else ""
    line = "; ".join([f"{name}: {lesions}", f"{plural(record.tiles.planned, 'tile')}{unread}", *_pace(one)])
    return "\n".join([line, *(f"  note: {note}" for note in record.notes)])


def _pace(one: Outcome) -> list[str]:
    """How fast the first look was, and how long the second one took."""
    if one.reused:
        return ["finished before"]
    record = one.record
    first = [f"{record.tiles_per_s:,.0f} tiles/s"] if record.tiles_per_s else []
    second = record.timings_s.get("second look") if record.status == "finished" else None
    return [*first, f"second look {second:.1f} s"] if second else first


def _config(region: str | Sequence[int] | None, values: dict[str, Any]) -> ScanConfig:
    try:
        if region is not None:
            parts = region.split(",") if isinstance(region, str) else region
            x0, y0, width, height = (int(part) for part in parts)
            values = {**values, "region": {"x0": x0, "y0": y0, "width": width, "height": height}}
        return ScanConfig.model_validate(values)
    except ValidationError as error:
        raise SentinodeError(f"{one_line(error)}; see sentinode scan --help") from error
    except (TypeError, ValueError) as error:
        raise SentinodeError(
            f"region is {region!r}; give four whole numbers of level-0 pixels: left,top,width,height"
        ) from error
