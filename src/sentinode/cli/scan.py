"""`sentinode scan`: whole slides in; a heatmap, lesions and a score for each out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, answer, progress, say, warn
from sentinode.core.errors import SentinodeError
from sentinode.core.plurals import plural
from sentinode.core.settings import Settings

if TYPE_CHECKING:
    from sentinode.scanning.outcome import Outcome
    from sentinode.scanning.scan_config import ScanConfig
    from sentinode.scanning.scan_record import ScanRecord

DONE_IN_PART = 1


def scan(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam.")],
    slides: Annotated[list[Path], typer.Argument(metavar="SLIDE…", help="Slide files, or folders that hold them.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for a scan folder of each slide, and scans.csv.")],
    stride: Annotated[int | None, typer.Option(help="Pixels from tile to tile; without: the tile size.")] = None,
    min_tissue: Annotated[float, typer.Option(help="Least part of a tile that is tissue.")] = 0.05,
    tissue: Annotated[bool, typer.Option("--tissue/--no-tissue", help="Scan tissue only, or all of it.")] = True,
    tissue_model: Annotated[Path | None, typer.Option(help="A model of `tissue train`, not the rules.")] = None,
    region: Annotated[str | None, typer.Option(metavar="X,Y,W,H", help="Level-0 rectangle; tiles touching it.")] = None,
    target: Annotated[str | None, typer.Option(help="The class to look for; without: the positive one.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Smoothed score of a lesion; without: the bundle's, at least 0.5.")
    ] = None,
    alone: Annotated[float, typer.Option(help="Score from which a single cell is a lesion.")] = 0.999,
    slide_score: Annotated[
        Path | None, typer.Option(help="What `slide-score fit` wrote; without: the highest cell.")
    ] = None,
    test_time: Annotated[str | None, typer.Option(help="none or d4, in place of the bundle's own.")] = None,
    mpp: Annotated[float | None, typer.Option(help="µm/px of level 0, for slides that don't say it.")] = None,
    model_mpp: Annotated[float | None, typer.Option(help="µm/px of tiles, for a bundle without.")] = None,
    reader: Annotated[str, typer.Option(help="auto, tiff, openslide or image.")] = "auto",
    verify_reader: Annotated[int, typer.Option(metavar="N", min=0, help="Compare both readers on N tiles first.")] = 0,
    engine: Engine = "auto",
    batch: Annotated[int, typer.Option(help="Tiles that the engine gets at a time.")] = 256,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; without: every core.")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Scan whole slides: heatmap, lesions with their size, and a score for each.

    A slide that can't be scanned does not stop the rest: it is listed at the end, and the exit status is 1. A scan that
    was stopped goes on with the same command; a finished one is not run again.
    """
    from sentinode.models.bundle import open_bundle
    from sentinode.scanning.scan_config import Machine
    from sentinode.scanning.scan_queue import scan_slides
    from sentinode.scanning.slide_score import SlideScore
    from sentinode.slides.slide_list import list_slides

    config = _config(
        stride_px=stride, min_tissue=min_tissue, tissue_model=tissue_model, region=region, slide_mpp=mpp,
        model_mpp=model_mpp, reader=reader, target=target, threshold=threshold, alone=alone, test_time=test_time,
        engine=engine, batch=batch, **({} if tissue else {"tissue": None}),
    )  # fmt: skip
    fitted = SlideScore.load(slide_score) if slide_score else None
    paths = list_slides(slides)
    opened = open_bundle(bundle)
    machine = Machine(threads or Settings.from_environment().threads, verify_tiles=verify_reader)
    outcomes = scan_slides(
        opened, paths, out, config, machine, progress(quiet), None if as_json else lambda one: say(line(one)), fitted
    )
    failed = [one.record for one in outcomes if one.record.failure]
    if as_json:
        answer({"scans": [{**one.record.model_dump(mode="json"), "reused": one.reused} for one in outcomes]})
    else:
        say(f"{len(outcomes) - len(failed)} of {len(outcomes)} slides scanned; table in {out / 'scans.csv'}")
    if failed:
        warn(_table(failed))
    return DONE_IN_PART if failed else 0


def _config(*, region: str | None, **values: Any) -> "ScanConfig":
    from pydantic import ValidationError

    from sentinode.core.messages import one_line
    from sentinode.scanning.scan_config import ScanConfig

    try:
        if region is not None:
            x0, y0, width, height = (int(part) for part in region.split(","))
            values["region"] = {"x0": x0, "y0": y0, "width": width, "height": height}
        return ScanConfig.model_validate(values)
    except ValidationError as error:
        raise SentinodeError(f"{one_line(error)}; see sentinode scan --help") from error
    except ValueError as error:
        raise SentinodeError(
            f"--region is {region!r}; give four whole numbers of level-0 pixels: left,top,width,height"
        ) from error


def _table(failed: "list[ScanRecord]") -> str:
    rows = [(one.name, one.failure.stage, one.failure.message) for one in failed if one.failure]
    shown = [tuple(" ".join(text.split()) for text in row) for row in [("not scanned", "while", "why"), *rows]]
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    return "\n".join(f"{name:<{widths[0]}}  {stage:<{widths[1]}}  {why}" for name, stage, why in shown)


def line(one: "Outcome") -> str:
    """What a slide gave, in one line."""
    record = one.record
    name = " ".join(record.name.split())  # a line each, whatever the file is called
    if record.failure or record.tiles is None:
        return f"{name}: failed while {record.failure.stage if record.failure else 'scanning'}"
    if record.slide_score is None:
        found = "no tissue to scan"
    else:
        longest = max(record.lesions, key=lambda lesion: lesion.diameter_um, default=None)
        size = f", longest {longest.diameter_um / 1000:.2f} mm ({longest.size_class})" if longest else ""
        found = f"score {record.slide_score:.3f}, {plural(len(record.lesions), 'lesion')}{size}"
    seen = f", {record.tiles.unreadable} tiles unreadable" if record.tiles.unreadable else ""
    rate = "finished before" if one.reused else f"{record.tiles_per_s:,.0f} tiles/s" if record.tiles_per_s else ""
    return f"{name}: {found}; {record.tiles.planned:,} tiles{seen}" + (f"; {rate}" if rate else "")
