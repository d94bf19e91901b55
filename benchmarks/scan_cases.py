"""What `scan.py` measures, case by case. Each takes an empty folder and the options, and returns what is printed."""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import openslide
from numpy.typing import NDArray

import reading as reading_benchmark
from huge_slide import write_huge_slide
from inference import random_bundle
from interleaving import Rates, Run, interleave
from sentinode.metrics.measures.roc import auc
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.quantization import quantize_graph, write_quantized_bundle
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.overview import survey_slide
from sentinode.scanning.scan import scan_slide
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_folder import open_scan
from sentinode.scanning.tiles_file import read_scanned_tiles
from sentinode.scanning.tiling_config import Machine, RegionOfInterest
from sentinode.slides.composition import compose_slides
from sentinode.slides.slide import open_slide
from sentinode.slides.tile_plan import TileSpec, plan_tiles
from sentinode.slides.tissue.tissue_mask import TissueConfig
from sentinode.studies.composition_study import labelled_patches

MPP = reading_benchmark.MPP
READ = {  # tile px and µm/px as multiples of level 0's
    "256 px, a level's own tiles": (256, 1.0),
    "224 px, from the second level": (224, 2.0),
    "96 px, from the third level": (96, 4.0),
    "96 px, between levels": (96, 3.2),
}
PEAK_BYTES = 1.5e9
_BATCH = 256
_CALIBRATION_TILES = 300
_OURS, _BARE = "scan", "bare engine"


def reading(folder: Path, options: argparse.Namespace) -> list[dict[str, object]]:
    """Tiles per second of reading alone."""
    path = reading_benchmark.make_slide(folder / "texture.tif", 4096 if options.small else 16_384)
    cache, found = reading_benchmark.CACHE_BYTES, []
    with open_slide(path, reader="tiff", cache_bytes=cache) as slide, openslide.OpenSlide(path) as other:
        other.set_cache(openslide.OpenSlideCache(cache))
        for name, (size, factor) in READ.items():
            wanted = argparse.Namespace(size=size, mpp=MPP * factor, threads=options.threads)
            bands = reading_benchmark.tile_bands(slide, size, MPP * factor, 64 if options.small else 2048)
            readers = {
                "sentinode": reading_benchmark.ours(slide, wanted),
                "OpenSlide with PIL": reading_benchmark.openslide_and_pil(other, slide, wanted),
            }
            rates = interleave({each: _reads(read, bands) for each, read in readers.items()}, options.rounds)
            compared = rates.compared(*readers, target=reading_benchmark.TARGET)
            difference = reading_benchmark.largest_difference(readers, bands[0])
            found.append({"what": name, **compared, "largest_difference": difference})
    return found


def startup(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Seconds from a path to a plan of tiles."""
    path = reading_benchmark.make_slide(folder / "texture.tif", 4096 if options.small else 16_384)
    seconds, tiles = [], 0
    for _ in range(options.rounds):
        start = time.perf_counter()
        with open_slide(path) as slide:
            mask = survey_slide(slide, TissueConfig()).mask
            tiles = len(plan_tiles(slide.width, slide.height, slide.mpp, TileSpec(size_px=96, mpp=1.0), mask))
        seconds.append(time.perf_counter() - start)
    return {"seconds": round(statistics.median(seconds), 3), "target": 3.0, "tiles": tiles}


def resnet(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """ResNet-18 at 224 px: scoring and the whole scan against the bare engine."""
    path = reading_benchmark.make_slide(folder / "texture.tif", 4096 if options.small else 16_384)
    bundle = random_bundle(folder / "bundle", "resnet18", 224)
    side = 2048 if options.small else 9600  # at twice level 0's µm/px some 460 tiles
    config = ScanConfig(region=RegionOfInterest(x0=0, y0=0, width=side, height=side), model_mpp=2 * MPP, batch=_BATCH)
    _, compared = _against_bare(bundle, path, folder, config, options)
    return {"what": "ResNet-18, 224 px, random weights", **compared, "target": 0.9}


def composed(folder: Path, options: argparse.Namespace) -> list[dict[str, object]]:
    """The composed slide: float and INT8, with one look at a tile (`pcam`) and with sixteen (`pcam-strong`)."""
    columns, rows = (9, 7) if options.small else (84, 63)
    patches = labelled_patches(options.patches, options.split)
    known = compose_slides(patches, folder / "slides", slides=2, columns=columns, rows=rows, mpp=0.972, seed=1)
    path = folder / "slides" / f"{known[1].name}.tif"
    bundles = [("pcam", options.rounds)]
    if not options.small:
        bundles.append(("pcam-strong", max(1, options.rounds // 3)))
    config, found = ScanConfig(batch=_BATCH), []
    for name, rounds in bundles:
        bundle = open_bundle(name)
        floats, compared = _against_bare(bundle, path, folder, config, options, rounds=rounds)
        found.append({"what": name, **compared, "target": 0.9, **_auc(folder, path)})
        int8 = _quantised(bundle, folder / f"int8-{name}", path, 64 if options.small else _CALIBRATION_TILES)
        _, compared = _against_bare(int8, path, folder, config, options, rounds=rounds, against=floats)
        found.append({"what": f"{name}, INT8, / float engine", **compared, "target": 1.2, **_auc(folder, path)})
    return found


def memory(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Peak memory of the command on a huge slide, and how its parts were."""
    width, height = (6_000, 4_500) if options.small else (100_000, 80_000)
    texture = reading_benchmark.make_slide(folder / "texture.tif", 2048)
    with open_slide(texture) as slide:
        tissue = slide.reader.read(0, 512, 512, 256, 256)
    path = folder / "huge.tif"
    write_huge_slide(path, width, height, tissue, mpp=0.243)
    command = [sys.executable, str(Path(__file__).with_name("peak_memory.py")), "scan", "pcam", str(path)]
    command += ["--out", str(folder / "scans"), "--threads", str(options.threads), "--quiet"]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    peak = json.loads(ended.stdout.splitlines()[-1])["peak_bytes"]
    record = open_scan(folder / "scans" / "huge").record
    return {
        "slide_px": [width, height],
        "tiles": record.tiles.planned,
        "peak_gb": round(peak / 1e9, 3),
        "target_gb": PEAK_BYTES / 1e9,
        "seconds": record.timings_s,
    }


def lines(found: object) -> Iterator[str]:
    """What a case gave, for a person."""
    for each in found if isinstance(found, list) else [found]:
        if "ratio" not in each:
            yield ", ".join(f"{name} {value}" for name, value in each.items())
            continue
        rates = " against ".join(f"{rate:,.1f}" for rate in each["tiles_per_second"].values())
        spread = f"{each['ratio']} ({each['lowest']} to {each['highest']}), target {each.get('target')}"
        more = {name: value for name, value in each.items() if name in {"whole_scan", "auc", "largest_difference"}}
        yield f"{each['what']:<34}{rates} tiles/s: {spread}; of processor time {each['ratio_of_processor_time']} {more}"


def _reads(read: reading_benchmark.Read, bands: list[NDArray[np.int64]]) -> Run:
    turn = iter(range(1 << 30))

    def run() -> int:
        return sum(1 for _ in read(bands[next(turn) % len(bands)]))

    return run


def _against_bare(
    bundle: Bundle,
    path: Path,
    folder: Path,
    config: ScanConfig,
    options: argparse.Namespace,
    *,
    rounds: int | None = None,
    against: Callable[[], int] | None = None,
) -> tuple[Run, dict[str, object]]:
    """Whole scans against the bare engine of the bundle (or against another run); the bare run, and the figures."""
    engine = LazyEngine(bundle, config.resolved(bundle.info), options.threads)
    predict = engine.get().predict
    tiles = _tiles(path, config, bundle, 64 if options.small else 2048)
    machine, out = Machine(options.threads), folder / "scans"

    def scan() -> int:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        record = scan_slide(engine, path, out, machine).record
        assert record.status == "finished", record.failure
        return record.tiles.scanned

    def bare() -> int:
        for start in range(0, len(tiles), config.batch):
            predict(tiles[start : start + config.batch])
        return len(tiles)

    rates: Rates = interleave({_OURS: scan, _BARE: against or bare}, rounds or options.rounds)
    record = open_scan(out / path.stem).record
    facts = {"tiles": record.tiles.planned, "seconds": record.timings_s}
    return bare, {**rates.compared(_OURS, _BARE), **facts}


def _tiles(path: Path, config: ScanConfig, bundle: Bundle, count: int) -> NDArray[np.uint8]:
    """`count` tiles of the slide, as a scan would read them."""
    spec = config.resolved(bundle.info).tiles
    with open_slide(path) as slide:
        mask = survey_slide(slide, TissueConfig()).mask
        plan = plan_tiles(slide.width, slide.height, slide.mpp, spec, mask)
        chosen = np.resize(np.arange(len(plan)), count)
        size = spec.size_px
        return np.stack([slide.read_at(spec.mpp, int(plan.x0[n]), int(plan.y0[n]), size, size) for n in chosen])


def _quantised(bundle: Bundle, folder: Path, path: Path, count: int) -> Bundle:
    """INT8, calibrated on `count` of the slide's tiles; temperature, threshold and band stay those of the original."""
    graph = quantize_graph(bundle, _tiles(path, ScanConfig(), bundle, count))
    info = bundle.info
    return write_quantized_bundle(
        bundle,
        graph,
        folder,
        temperature=info.temperature,
        threshold=info.threshold,
        low_confidence=info.low_confidence,
    )


def _auc(folder: Path, path: Path) -> Mapping[str, object]:
    """AUC of the last scan over the tissue cells of the composed slide."""
    cells = np.genfromtxt(path.with_suffix(".csv"), delimiter=",", names=True, dtype=None, encoding="utf-8")
    tiles = read_scanned_tiles(folder / "scans" / path.stem)
    scores = dict(zip(zip(tiles.x0.tolist(), tiles.y0.tolist(), strict=True), tiles.scores[:, -1], strict=True))
    side = tiles.width
    pairs = [
        (int(cell["label"]), scores[where])
        for cell in cells
        if (where := (int(cell["column"]) * side, int(cell["row"]) * side)) in scores
    ]
    truths, found = np.array(pairs).T
    return {"auc": round(auc(truths, found), 5), "cells": len(pairs)} if 0 < truths.sum() < len(truths) else {}
