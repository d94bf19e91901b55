"""`sentinode compose`: slides whose tumour is known, of labelled patches or drawn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import DataError
from sentinode.core.progress import SILENT, Progress
from sentinode.data.address import open_source
from sentinode.slides.composition import LESIONS, SCALE, Patches, compose_slides
from sentinode.slides.known_truth import KnownSlide
from sentinode.slides.synthetic.drawn_slides import draw_slides

DRAWN = "synthetic:slides"

PCAM_MPP = 0.972
"""CAMELYON's 0.243 µm/px, four times reduced."""

_CELLS, _SIZE = "48x36", "8192x6144"


@dataclass(frozen=True)
class Composition:
    """Slides with known truth, in a folder."""

    folder: Path
    slides: tuple[KnownSlide, ...]

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "slides": [{"slide": str(self.folder / f"{one.name}.tif"), "lesions": one.lesions} for one in self.slides]
        }

    def summary(self) -> str:
        """A line for each slide."""
        return "\n".join(
            f"{self.folder / one.name}.tif: {one.lesions or 'no'} {'lesion' if one.lesions == 1 else 'lesions'}"
            for one in self.slides
        )


def compose(
    source: str,
    out: str | Path,
    *,
    slides: int = 4,
    seed: int = 0,
    cells: str | None = None,
    lesions: str | None = None,
    lesion_cells: str | None = None,
    mpp: float | None = None,
    scale: int | None = None,
    split: str | None = None,
    size: str | None = None,
    progress: Progress = SILENT,
) -> Composition:
    """Make slides with known truth: NAME.tif, NAME.xml (ASAP) for those with tumour, slides.csv.

    Of labelled patches each is a cell of a grid, listed in NAME.csv; level 2 of the slide shows it as it was.

    Args:
        source: Address of labelled patches, or `synthetic:slides`.
        out: Folder to make.
        slides: How many; every second one has tumour.
        seed: Of all that is drawn.
        cells: Of patches: cells across x down; None: 48x36.
        lesions: Of patches: least and most lesions of a slide with tumour; None: 1x6.
        lesion_cells: Of patches: least and most cells of a lesion, such as 1x40; None: rounded pieces.
        mpp: Of patches: their µm/px; None: PCam's.
        scale: Of patches: level-0 pixels for one of theirs, 1, 2 or 4; None: 4, as scanners have it for PCam's.
        split: Of patches: the source's split to take; None: all patches.
        size: Of drawn slides: level-0 pixels; None: 8192x6144.
        progress: Where to show how far it is.

    Raises:
        DataError: An option that the source has no use for, or patches that can't be told apart.
        StorageError: `out` holds something else.
    """
    out = Path(out)
    with progress.bar("compose", slides, "slides") as advance:
        if source == DRAWN:
            if any(one is not None for one in (cells, mpp, split, lesions, lesion_cells, scale)):
                raise DataError(
                    f"{DRAWN} has no patches: --cells, --lesions, --lesion-cells, --mpp, --scale and --split "
                    "don't go with it; use --size"
                )
            width, height = _pair("--size", size or _SIZE, least=512)
            made = draw_slides(out, slides=slides, width=width, height=height, seed=seed, advance=advance)
        else:
            if size is not None:
                raise DataError(f"--size goes with {DRAWN}; with patches give --cells")
            if scale not in (None, 1, 2, 4):
                raise DataError(f"--scale {scale} is not 1, 2 or 4: level-0 pixels for a pixel of a patch")
            columns, rows = _pair("--cells", cells or _CELLS, least=2)
            made = compose_slides(
                labelled_patches(source, split), out, slides=slides, columns=columns, rows=rows, mpp=mpp or PCAM_MPP,
                scale=scale or SCALE, seed=seed, advance=advance,
                lesions=_range("--lesions", lesions) if lesions else LESIONS,
                lesion_cells=_range("--lesion-cells", lesion_cells) if lesion_cells else None,
            )  # fmt: skip
    return Composition(out, tuple(made))


def _pair(option: str, text: str, *, least: int) -> tuple[int, int]:
    first, _, second = text.partition("x")
    if not all(part.isascii() and part.isdigit() and int(part) >= least for part in (first, second)):
        raise DataError(f"{option} {text} is not two whole numbers of at least {least}; write it as in 48x36")
    return int(first), int(second)


def _range(option: str, text: str) -> tuple[int, int]:
    low, high = _pair(option, text, least=1)
    if low > high:
        raise DataError(f"{option} {text} has its least above its most; write {high}x{low}")
    return low, high


def labelled_patches(source: str, split: str | None) -> Patches:
    """The labelled patches of a data source, tumour told from normal.

    Raises:
        DataError: The positive class isn't known, or the source has not this split.
    """
    opened = open_source(source)
    if opened.positive is None:
        raise DataError(f"{source}: it is not known which of its classes ({', '.join(opened.class_names)}) is tumour")
    splits = sorted({record.split for record in opened.records if record.split is not None})
    if split is not None and split not in splits:
        raise DataError(f"{source} has no split {split!r}; its splits: {', '.join(splits) or 'none'}")
    chosen = [
        number
        for number, record in enumerate(opened.records)
        if record.label is not None and split in (None, record.split)
    ]
    records = [opened.records[number] for number in chosen]
    tumour = np.array([record.label == opened.positive for record in records], bool)
    return Patches([record.id for record in records], tumour, lambda number: opened.read(chosen[number]))
