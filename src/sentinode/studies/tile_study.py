"""`sentinode tiles`: labelled tiles drawn from annotated slides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sentinode.core.errors import DataError
from sentinode.core.messages import one_line, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.data.tiles.tile_folder import TileSet
from sentinode.data.tiles.tile_sampler import draw_into
from sentinode.data.tiles.tiles_config import CLASS_NAMES, TilesConfig

_OPTIONS = {"size_px": "--size", "stride_px": "--stride", "centre_px": "--centre", "tumour_names": "--tumour-name"}
"""Fields of `TilesConfig` that the command calls otherwise."""


@dataclass(frozen=True, eq=False)
class TileDraw:
    """Tiles in a folder, to be used as data `slides:FOLDER`."""

    folder: Path
    tiles: TileSet
    reused: bool
    """Whether they had been drawn before."""
    notes: tuple[str, ...] = ()
    """Annotation files and lines of the table that belong to none of the slides."""

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Split → class → tiles."""
        counts: dict[str, dict[str, int]] = {}
        for (split, label), part in self.tiles.table.groupby(["split", "label"]):
            counts.setdefault(str(split), {})[str(label)] = len(part)
        return counts

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        facts = {"tiles": len(self.tiles.table), "counts": self.counts, **self.tiles.record.model_dump(mode="json")}
        return {"folder": str(self.folder), "reused": self.reused, "unused": list(self.notes), **facts}

    def summary(self) -> str:
        """A few lines for a person: tiles by split, what was left out, and how to use them."""
        record = self.tiles.record
        before = ", drawn before" if self.reused else ""
        left_out: Counter[str] = Counter()
        for slide in record.slides:
            left_out.update({kind: count for kind, count in slide.candidates.items() if kind not in CLASS_NAMES})
        return "\n".join(
            [
                f"{plural(len(self.tiles.table), 'tile')} of {plural(len(record.slides), 'slide')}{before}",
                *(self._split_line(split, counts) for split, counts in sorted(self.counts.items())),
                *(f"left out    {plural(count, 'place')}: {kind}" for kind, count in left_out.items()),
                *(f"left out    slide {name}: {why}" for name, why in record.left_out.items()),
                *(f"note        {note}" for note in dict.fromkeys((*self.notes, *record.notes))),
                f"use them    --data slides:{self.folder}",
            ]
        )

    def warnings(self) -> list[str]:
        """A line for each slide that failed."""
        return [f"not drawn from: {failure.type}: {failure.message}" for failure in self.tiles.record.failures]

    def _split_line(self, split: str, counts: dict[str, int]) -> str:
        slides = sum(slide.split == split and any(slide.drawn.values()) for slide in self.tiles.record.slides)
        shown = ", ".join(f"{counts.get(label, 0):,} {label}" for label in CLASS_NAMES)
        return f"{split:<12}{shown}; {plural(slides, 'slide')}"


def draw_tiles(
    slides: Sequence[str | Path],
    out: str | Path,
    *,
    annotations: Sequence[str | Path] = (),
    table: str | Path | None = None,
    normal: bool = False,
    progress: Progress = SILENT,
    **config: Any,
) -> TileDraw:
    """Draw labelled, balanced tiles from annotated slides, split by slide or patient.

    The same call again takes what is there.

    Args:
        slides: Slides, folders of them, or CAMELYON16's folder.
        out: Folder for the tiles' table.
        annotations: Folders with NAME.xml, .geojson or .json; none: beside the slides.
        table: CSV slide[,label][,patient][,split][,annotated].
        normal: Slides without an annotation have no tumour.
        progress: Where to show how far it is.
        config: Fields of `TilesConfig`, such as `size_px=96`.

    Raises:
        DataError: A field is wrong, or `out` holds other tiles or something else.
    """
    try:
        checked = TilesConfig.model_validate(config)
    except ValidationError as error:
        raise DataError(f"{one_line(error, names=_OPTIONS)}; see sentinode tiles --help") from error
    annotated = list_annotated_slides(
        [Path(slide) for slide in slides],
        [Path(folder) for folder in annotations],
        None if table is None else Path(table),
        normal=normal,
    )
    tiles, reused = draw_into(Path(out), annotated, checked, progress)
    return TileDraw(Path(out), tiles, reused, annotated.notes)
