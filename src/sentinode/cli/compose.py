"""`sentinode compose`: slides whose tumour is known, of labelled patches or drawn."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinode.cli.options import AsJson, Quiet, answer, progress, say

if TYPE_CHECKING:
    from sentinode.slides.composition import Patches
    from sentinode.slides.known_truth import KnownSlide

DRAWN = "synthetic:slides"

_PCAM_MPP = 0.972  # CAMELYON's 0.243 µm/px, four times reduced


def compose(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Labelled patches (any data source), or synthetic:slides.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    slides: Annotated[int, typer.Option(min=1, help="How many; every second one has tumour.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    cells: Annotated[
        str | None, typer.Option(metavar="CxR", help="Of patches: cells across x down.  [default: 48x36]")
    ] = None,
    mpp: Annotated[
        float | None, typer.Option(min=0.01, help=f"Of patches: their µm/px.  [default: {_PCAM_MPP}, PCam's]")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Of patches: the source's split to take; without: all patches.")
    ] = None,
    lesion_cells: Annotated[
        str | None, typer.Option(metavar="AxB", help="Of patches: least and most cells of a lesion, such as 1x40.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="synthetic:slides: level-0 pixels.  [default: 8192x6144]")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make slides with known truth: NAME.tif, NAME.xml (ASAP) for those with tumour, slides.csv.

    Of labelled patches each is a cell of a grid, listed in NAME.csv; level 2 of the slide shows it as it was.
    """
    from sentinode.core.errors import DataError
    from sentinode.slides.composition import compose_slides

    with progress(quiet).bar("compose", slides, "slides") as advance:
        if source == DRAWN:
            from sentinode.slides.synthetic.drawn_slides import draw_slides

            if (cells, mpp, split, lesion_cells) != (None,) * 4:
                raise DataError(
                    f"{DRAWN} has no patches: --cells, --lesion-cells, --mpp and --split don't go with it; use --size"
                )
            width, height = _pair("--size", size or "8192x6144", least=512)
            known = draw_slides(out, slides=slides, width=width, height=height, seed=seed, advance=advance)
        else:
            if size is not None:
                raise DataError(f"--size goes with {DRAWN}; with patches give --cells")
            columns, rows = _pair("--cells", cells or "48x36", least=2)
            patches = _patches(source, split)
            known = compose_slides(
                patches, out, slides=slides, columns=columns, rows=rows, mpp=mpp or _PCAM_MPP, seed=seed,
                lesion_cells=_pair("--lesion-cells", lesion_cells, least=1) if lesion_cells else None, advance=advance,
            )  # fmt: skip
    _report(known, out, as_json=as_json)


def _report(known: "list[KnownSlide]", out: Path, *, as_json: bool) -> None:
    if as_json:
        answer({"slides": [{"slide": str(out / f"{each.name}.tif"), "lesions": each.lesions} for each in known]})
        return
    for each in known:
        say(f"{out / each.name}.tif: {each.lesions or 'no'} {'lesion' if each.lesions == 1 else 'lesions'}")


def _pair(option: str, text: str, *, least: int) -> tuple[int, int]:
    from sentinode.core.errors import DataError

    first, _, second = text.partition("x")
    if not all(part.isascii() and part.isdigit() and int(part) >= least for part in (first, second)):
        raise DataError(f"{option} {text} is not two whole numbers of at least {least}; write it as in 48x36")
    return int(first), int(second)


def _patches(source: str, split: str | None) -> "Patches":
    """The labelled patches of a data source, tumour told from normal.

    Raises:
        DataError: The positive class isn't known, or the source has not this split.
    """
    import numpy as np

    from sentinode.core.errors import DataError
    from sentinode.data.address import open_source
    from sentinode.slides.composition import Patches

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
