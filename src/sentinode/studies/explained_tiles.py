"""Tiles of a slide that are to be explained: at places that are named, or of a scan's lesions."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sentinode.core.errors import SentinodeError
from sentinode.explanation.explainable_model import ExplainableModel
from sentinode.explanation.subject import Subject
from sentinode.scanning.lesion_tiles import strongest_tiles
from sentinode.scanning.scan_folder import open_scan
from sentinode.slides.slide import open_slide


def tiles_of_slide(
    model: ExplainableModel,
    path: Path,
    at: Sequence[str],
    scan: Path | None,
    top: int,
    mpp: float | None,
    series: int | None = None,
) -> list[Subject]:
    """Tiles of a slide, as the model takes them.

    Args:
        model: Says the size of a tile, and its µm/px.
        path: The slide.
        at: Centres, `X,Y` in level-0 pixels; or nothing, and
        scan: a scan folder of the slide, whose lesions are taken.
        top: Of so many lesions.
        mpp: µm/px of level 0, in place of what the slide says.
        series: Which of several pictures in the slide's file; None: the scan's, or the only one.

    Raises:
        SentinodeError: Neither or both of `at` and `scan`, a place beyond the slide, or a scan of something else.
        SlideError: The slide can't be read.
    """
    size = model.info.input
    if bool(at) == bool(scan):
        raise SentinodeError(f"say where to look on {path}: --at X,Y in level-0 pixels, or --scan SCAN")
    if scan and series is None:
        series = open_scan(scan).record.config.get("series")
    with open_slide(path, mpp=mpp, series=series) as slide:
        if scan:
            corners = list(_of_scan(slide.name, (slide.width, slide.height), scan, top, size.tile_size))
            tile_mpp = corners[0][3]
        elif size.mpp is None:
            raise SentinodeError(
                f"{model.info.name} does not say the µm/px of its tiles; scan the slide, and use --scan"
            )
        else:
            tile_mpp = size.mpp
            half = tuple(tile_mpp * size.tile_size / own / 2 for own in (slide.mpp.x, slide.mpp.y))
            corners = [(*_corner(text, half, (slide.width, slide.height)), f"at {text}", tile_mpp) for text in at]
        return [
            Subject(
                f"{slide.name}-{x0}-{y0}", path, slide.read_at(tile_mpp, x0, y0, size.tile_size, size.tile_size),
                f"{words}; tile from level-0 ({x0}, {y0}), {tile_mpp:g} µm/px",
            )
            for x0, y0, words, tile_mpp in corners
        ]  # fmt: skip


def _corner(text: str, half: tuple[float, ...], extent: tuple[int, int]) -> tuple[int, int]:
    """The top left corner of the tile around a place, level-0 pixels."""
    try:
        x0, y0 = (int(part) for part in text.split(","))
    except ValueError as error:
        raise SentinodeError(f"--at is {text!r}; give two whole numbers of level-0 pixels: X,Y") from error
    if not (0 <= x0 < extent[0] and 0 <= y0 < extent[1]):
        raise SentinodeError(f"--at {text} lies outside the slide, which is {extent[0]}×{extent[1]} level-0 pixels")
    return round(x0 - half[0]), round(y0 - half[1])


def _of_scan(
    name: str, extent: tuple[int, int], folder: Path, top: int, side: int
) -> Iterator[tuple[int, int, str, float]]:
    """Corner (level-0 pixels), words and µm/px of the strongest tile of each of the scan's first lesions."""
    scan = open_scan(folder)
    record = scan.record
    if record.slide.name != name or (record.slide.width, record.slide.height) != extent:
        raise SentinodeError(
            f"{folder} is a scan of {record.slide.file}, {record.slide.width}×{record.slide.height} px; {name} is "
            f"{extent[0]}×{extent[1]} px; give the slide that was scanned"
        )
    if record.bundle.tile_size_px != side:
        raise SentinodeError(
            f"{folder} was scanned with tiles of {record.bundle.tile_size_px} px, the bundle takes {side} px; give the "
            f"bundle that scanned it, {record.bundle.name}"
        )
    found = strongest_tiles(scan, top)
    if not found:
        raise SentinodeError(f"the scan in {folder} found no lesion; choose a place with --at X,Y")
    for one in found:
        words = f"lesion {one.rank} ({one.size_class}), tile score {one.score:.3f}"
        yield one.x0, one.y0, words, record.bundle.mpp
