"""`sentinode mine`: false positives of scans become normal tiles to train on, and reviews become truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinode.cli.options import AsJson, answer, say, warn

if TYPE_CHECKING:
    from sentinode.data.tiles.hard_negatives import Mined
    from sentinode.data.tiles.tile_folder import TileSet
    from sentinode.scanning.positive_tiles import PositiveTiles


def mine(
    scans: Annotated[Path, typer.Argument(help="Folder with the scans of `sentinode scan`, of slides to train on.")],
    annotations: Annotated[
        list[Path], typer.Option("--annotations", help="Folder of the tiles' annotations, or of reviews. Repeatable.")
    ],
    tiles: Annotated[Path, typer.Option("--tiles", help="Folder of `sentinode tiles` to add to.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the tiles with those added; may be that of --tiles.")],
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least score of a false positive; without: the scans' own.")
    ] = None,
    slides: Annotated[
        list[Path] | None,
        typer.Option("--slides", help="Slides or folders of them: reviewed ones that the tiles don't have join them."),
    ] = None,
    per_slide: Annotated[int, typer.Option(min=1, help="Most tiles of a class added to one slide.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Add the false positives of scans to drawn tiles, as normal ones, and the tumour that reviews found.

    A tile that a review contradicts is labelled anew or dropped. Slides of the validation or test part are never mined.
    Nothing is added twice.
    """
    from sentinode.data.tiles.tile_folder import read_tiles, write_tiles

    there = read_tiles(tiles)
    _check_out(out, tiles, there)
    mined = _mined(there, _positives(scans, threshold), annotations, slides or [], per_slide)
    write_tiles(out, mined.tiles)
    added = mined.places.get("added", 0)
    if as_json:
        reviewed = {name: vars(change) for name, change in mined.reviewed.items()}
        counts = {"tiles": len(mined.tiles.table), "added": added, "places": mined.places, "skipped": mined.skipped}
        answer({"folder": str(out), **counts, "reviewed": reviewed})
        return
    for name, change in mined.reviewed.items():
        say(f"reviewed    {name}: {change}")
    say(f"added       {added:,} normal tiles; {len(mined.tiles.table):,} tiles in {out}")
    for kind, count in mined.places.items():
        if kind != "added":
            say(f"left out    {count:,} places: {kind}")
    for name, reason in mined.skipped.items():
        warn(f"not mined: {name}: {reason}")
    if not any(slide.split == "test" for slide in there.record.slides):
        warn("these tiles have no test slides: a test cut out of them in training would hold what was mined")


def _check_out(out: Path, tiles: Path, there: "TileSet") -> None:
    """Refuse to replace other tiles, or tiles with more mined than will be there."""
    from sentinode.core.errors import DataError
    from sentinode.data.tiles.tile_folder import check_free, holds_tiles, read_tiles

    check_free(out)
    if not holds_tiles(out) or out.resolve() == tiles.resolve():
        return
    old = read_tiles(out).record
    if old.key != there.record.key or old.minings[: len(there.record.minings)] != there.record.minings:
        raise DataError(f"{out} has other tiles than {tiles}; give another --out, or remove it")


def _positives(scans: Path, threshold: float | None) -> "list[PositiveTiles]":
    from sentinode.core.errors import DataError
    from sentinode.scanning.positive_tiles import positive_tiles
    from sentinode.scanning.scan_record import list_scans

    found = [positive_tiles(folder, threshold) for folder in list_scans(scans)]
    used = sorted({(one.bundle.name, one.bundle.sha256, one.threshold) for one in found})
    if len(used) > 1:
        shown = ", ".join(f"{name} ({sha256[:8]}) from {value:g} on" for name, sha256, value in used)
        raise DataError(f"{scans} has scans of several models or thresholds: {shown}; mine each by itself")
    return found


def _mined(
    there: "TileSet", found: "list[PositiveTiles]", annotations: list[Path], slides: list[Path], per_slide: int
) -> "Mined":
    from sentinode.data.tiles.hard_negatives import Suspects, mine_scans
    from sentinode.slides.slide_list import list_slides

    suspects = [
        Suspects(
            slide=one.slide.name, slide_width=one.slide.width, slide_height=one.slide.height,
            size_px=one.spec.size_px, mpp=one.spec.mpp, x0=one.x0, y0=one.y0, scores=one.scores, scan_key=one.key,
        )
        for one in found
    ]  # fmt: skip
    first = found[0]
    return mine_scans(
        there, suspects, annotations, bundle=first.bundle.name, bundle_sha256=first.bundle.sha256,
        threshold=first.threshold, per_slide=per_slide, new={path.stem: path for path in list_slides(slides)},
    )  # fmt: skip
