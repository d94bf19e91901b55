"""`sentinode scan`: whole slides in; a heatmap, lesions and a score for each out."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, present_part, progress, say


def scan(
    bundle: Annotated[
        str, typer.Argument(help="A bundle's or slide bundle's folder, or a shipped name: pcam, pcam-strong.")
    ],
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
    rule: Annotated[
        str, typer.Option(help="heuristic, or a file of `lesion-rule fit`; auto: the shipped one, if any.")
    ] = "auto",
    second_look: Annotated[str, typer.Option(help="Bundle that looks again, for a learned rule.")] = "auto",
    slide_score: Annotated[
        Path | None, typer.Option(help="What `slide-score fit` wrote; without: the highest cell.")
    ] = None,
    test_time: Annotated[str | None, typer.Option(help="none or d4, in place of the bundle's own.")] = None,
    series: Annotated[int | None, typer.Option(help="Which of several pictures in a file, from 0.")] = None,
    mpp: Annotated[float | None, typer.Option(help="µm/px of level 0, for slides that don't say it.")] = None,
    model_mpp: Annotated[float | None, typer.Option(help="µm/px of tiles, for a bundle without.")] = None,
    reader: Annotated[str, typer.Option(help="auto, tiff, openslide, image, or one of `sentinode plugins`.")] = "auto",
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
    from sentinode.studies import scan_study

    result = scan_study.scan(
        bundle, slides, out, region=region, rule=rule, second_look=second_look,
        slide_score=slide_score, threads=threads, verify_reader=verify_reader,
        tell=None if as_json else say, progress=progress(quiet),
        stride=stride, min_tissue=min_tissue, tissue_model=tissue_model, series=series, mpp=mpp,
        model_mpp=model_mpp, reader=reader, target=target, threshold=threshold, alone=alone, test_time=test_time,
        engine=engine, batch=batch, **({} if tissue else {"tissue": None}),
    )  # fmt: skip
    return present_part(result, as_json)
