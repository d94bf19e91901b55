"""`sentinode mine`: false positives of scans become normal tiles to train on, and reviews become truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import DataError
from sentinode.core.messages import plural
from sentinode.data.tiles.hard_negatives import ADDED, Mined, mine_scans
from sentinode.data.tiles.tile_folder import TILE_FOLDER, TileSet, holds_tiles, read_tile_folder, write_tile_folder
from sentinode.scanning.positive_tiles import positive_tiles
from sentinode.scanning.scan_folder import scans_in
from sentinode.slides.annotations.annotation_folder import unused_note
from sentinode.slides.slide_list import list_slides


@dataclass(frozen=True, eq=False)
class HardNegatives:
    """Tiles in a folder, with what scans and reviews added to them."""

    folder: Path
    mined: Mined

    @property
    def added(self) -> int:
        """Normal tiles that were added."""
        return self.mined.places.get(ADDED, 0)

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        mined = self.mined
        return {
            "folder": str(self.folder),
            "tiles": len(mined.tiles.table),
            "added": self.added,
            "places": mined.places,
            "unused_annotations": list(mined.unused),
            "notes": list(mined.notes),
            "skipped": mined.skipped,
            "reviewed": {name: vars(change) for name, change in mined.reviewed.items()},
        }

    def summary(self) -> str:
        """A few lines for a person: what reviews changed, what was added, and what was left out."""
        mined = self.mined
        return "\n".join(
            [
                *(f"reviewed    {name}: {change}" for name, change in mined.reviewed.items()),
                f"added       {plural(self.added, 'normal tile')}; {plural(len(mined.tiles.table), 'tile')} "
                f"in {self.folder}",
                *(
                    f"left out    {plural(count, 'place')}: {kind}"
                    for kind, count in mined.places.items()
                    if kind != ADDED
                ),
                *(f"note        {note}" for note in (*mined.notes, unused_note(mined.unused)) if note),
            ]
        )

    def warnings(self) -> list[str]:
        """A line for each slide that gave nothing, and for what endangers a later test."""
        lines = [f"not mined: {name}: {reason}" for name, reason in self.mined.skipped.items()]
        if not any(slide.split == "test" for slide in self.mined.tiles.record.slides):
            lines.append(
                "these tiles have no test slides: a test cut out of them in training would hold what was mined"
            )
        return lines


def mine(
    scans: str | Path,
    annotations: Sequence[str | Path],
    tiles: str | Path,
    out: str | Path,
    *,
    threshold: float | None = None,
    slides: Sequence[str | Path] = (),
    per_slide: int = 1000,
) -> HardNegatives:
    """Add the false positives of scans to drawn tiles, as normal ones, and the tumour that reviews found.

    A tile that a review contradicts is labelled anew or dropped. Slides of the validation or test part are never
    mined. Nothing is added twice.

    Args:
        scans: Folder with scans of slides to train on.
        annotations: Folders of the tiles' annotations, or of reviews.
        tiles: Folder of tiles to add to.
        out: Folder for the tiles with those added; may be that of `tiles`.
        threshold: Least score of a false positive; None: the scans' own.
        slides: Slides or folders of them: reviewed ones that the tiles don't have join them.
        per_slide: Most tiles of a class added to one slide.

    Raises:
        DataError: Scans of several models, of other tiles or of other slides, or `out` has other tiles.
        AnnotationError: An annotation can't be read.
    """
    tiles, out = Path(tiles), Path(out)
    before = read_tile_folder(tiles)
    _check_out(out, tiles, before)
    suspects = [positive_tiles(scan, threshold) for scan in scans_in(Path(scans))]
    new = {path.stem: path for path in list_slides([Path(slide) for slide in slides])}
    mined = mine_scans(before, suspects, [Path(folder) for folder in annotations], per_slide=per_slide, new=new)
    write_tile_folder(out, mined.tiles)
    return HardNegatives(out, mined)


def _check_out(out: Path, tiles: Path, before: TileSet) -> None:
    """Refuse to replace other tiles, or tiles with more mined than will be there."""
    TILE_FOLDER.check(out)
    if not holds_tiles(out) or out.resolve() == tiles.resolve():
        return
    old = read_tile_folder(out).record
    if old.key != before.record.key or old.minings[: len(before.record.minings)] != before.record.minings:
        raise DataError(f"{out} has other tiles than {tiles}; give another --out, or remove it")
