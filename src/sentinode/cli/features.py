"""`sentinode features`: what a frozen network, or a classical descriptor, makes of images or of slides."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, Set, present_part, progress, say


def features(
    name: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE|ARCHITECTURE",
            help="A bundle (folder or shipped name), an architecture (with --set features.model.weights=…), or one of "
            "pixels, colour, texture.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="Of images: Parquet file for the table. Of slides: folder for NAME.h5 of each."),
    ],
    data: Annotated[
        str | None, typer.Option("--data", metavar="SOURCE", help="Labelled images, as for `train`; or give --slides.")
    ] = None,
    slides: Annotated[
        list[Path] | None, typer.Option("--slides", metavar="SLIDE|DIR", help="Whole slides. Repeatable.")
    ] = None,
    tile_size: Annotated[int | None, typer.Option(min=8, help="Side of slides' tiles, for an architecture.")] = None,
    model_mpp: Annotated[float | None, typer.Option(help="µm/px of slides' tiles, for a model without.")] = None,
    stride: Annotated[int | None, typer.Option(help="Pixels from tile to tile; without: the tile size.")] = None,
    min_tissue: Annotated[
        float | None, typer.Option(help="Least part of a tile that is tissue; without: 0.05.")
    ] = None,
    tissue: Annotated[bool, typer.Option("--tissue/--no-tissue", help="Tissue only, or all of a slide.")] = True,
    tissue_model: Annotated[Path | None, typer.Option(help="A model of `tissue train`, not the rules.")] = None,
    region: Annotated[str | None, typer.Option(metavar="X,Y,W,H", help="Level-0 rectangle; tiles touching it.")] = None,
    series: Annotated[int | None, typer.Option(help="Which of several pictures in a file, from 0.")] = None,
    mpp: Annotated[float | None, typer.Option(help="µm/px of level 0, for slides that don't say it.")] = None,
    reader: Annotated[str | None, typer.Option(help="auto, tiff, openslide, image, or a plugin's.")] = None,
    batch: Annotated[int | None, typer.Option(help="Slides' tiles at a time; without: 256.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; without: every core.")] = None,
    settings_: Set = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Write features: of every image of a data set to a Parquet table, or of every tissue tile of slides to HDF5.

    Of images: id, path, group, label, split, p_CLASS…, features; kept in the cache. Of slides: NAME.h5 as TRIDENT and
    CLAM have it, and features.csv; a slide that fails is listed at the end, and the exit status is 1. Stopped, the same
    command goes on where it was; what is finished is not computed again.
    """
    from sentinode.studies import feature_study

    result = feature_study.features(
        name, out, data=data, slides=slides or (), overrides=settings_ or (), engine=engine, progress=progress(quiet),
        tell=None if as_json else say, region=region, tile_size=tile_size, threads=threads,
        tissue=tissue, stride=stride, min_tissue=min_tissue, tissue_model=tissue_model, series=series, mpp=mpp,
        model_mpp=model_mpp, reader=reader, batch=batch,
    )  # fmt: skip
    return present_part(result, as_json)
