"""Hard negatives: normal places that a model took for tumour become normal tiles to train on; and reviews of scans.

Only slides of the training part give any. A place of a test slide would make the test harder by the very model that is
tested on it, one of a validation slide would move the threshold that is chosen there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sentinode.core.errors import DataError
from sentinode.data.tiles.reviewed_tiles import Change, apply_reviews
from sentinode.data.tiles.tile_folder import COLUMNS, MINED, Mining, TiledSlide, TileSet
from sentinode.data.tiles.tile_labels import label_tiles
from sentinode.data.tiles.tiles_config import NORMAL, TilesConfig
from sentinode.data.tiles.truth import Truth
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.mpp import Mpp
from sentinode.slides.positives import PositiveTiles
from sentinode.slides.slide_names import SlideNames

ADDED = "added"
KNOWN = "among the tiles already"
TRUE = "tumour: found rightly"
BEYOND = "beyond the slide's edge"
OVER = "more than a slide may give"


@dataclass(frozen=True, eq=False)
class Mined:
    """Tiles with what was added to them."""

    tiles: TileSet
    places: dict[str, int]
    """How many of the places were added, or why not."""
    skipped: dict[str, str]
    """Slide → why nothing was looked for on it."""
    reviewed: dict[str, Change]
    """Slide → what a review changed about its tiles."""
    unused: tuple[str, ...] = ()
    """Annotation files that belong to none of the slides."""
    notes: tuple[str, ...] = ()
    """What was mended in annotations and reviews."""


def mine_scans(
    tiles: TileSet,
    suspects: Sequence[PositiveTiles],
    annotations: Sequence[Path],
    *,
    per_slide: int,
    new: Mapping[str, Path] | None = None,
) -> Mined:
    """Bring the tiles up to date with reviews, and add the places that are normal by the rule they were drawn by.

    Args:
        tiles: What is added to; it is not changed.
        suspects: One for each scan, at least one, all by one model and threshold; of each slide the highest scores
            are added first.
        annotations: Folders with the annotations that the tiles were drawn with, and with reviews of scans.
        per_slide: At most so many tiles of a class from one slide, those of earlier calls included.
        new: Slide → file, of slides that the tiles don't have: reviewed ones join the training part.

    Raises:
        DataError: Scans of several models or thresholds, of other tiles than these, or of another slide of the same
            name, or a changed annotation.
        AnnotationError: An annotation can't be read.
        SlideError: A reviewed slide can't be read.
    """
    model = _one_model(suspects)
    files = [*(slide.file for slide in tiles.record.slides), *map(str, (new or {}).values())]
    names = SlideNames(Path(file).name for file in files)
    folders = [AnnotationFolder(folder, names) for folder in annotations]
    unused = tuple(str(file) for folder in folders for file in folder.unused)
    reviewed = apply_reviews(tiles, folders, [one.slide for one in suspects], new or {}, per_slide)
    tiles = reviewed.tiles
    known = {slide.name: slide for slide in tiles.record.slides}
    places: Counter[str] = Counter()
    skipped: dict[str, str] = {}
    parts: list[pd.DataFrame] = []
    for one in suspects:
        slide = known.get(one.slide)
        reason = reviewed.refused.get(one.slide) or _not_mined(slide)
        if slide is None or reason:
            skipped[one.slide] = reason
            continue
        _check_same(one, slide, tiles.record.config)
        part, counts = _mine(one, slide, tiles, reviewed.truths[one.slide], per_slide)
        parts.append(part)
        places.update(counts)
    added = sum(map(len, parts))
    if not added and not reviewed.changes:
        return Mined(tiles, dict(places), skipped, {}, unused, reviewed.notes)
    table = pd.concat([tiles.table, *(part for part in parts if len(part))], ignore_index=True)
    table = table.sort_values(["slide", "y0", "x0"], kind="stable").reset_index(drop=True)
    mining = Mining(
        bundle=model.bundle, bundle_sha256=model.bundle_sha256, threshold=model.threshold, added=added,
        scans={one.slide: one.scan_key for one in suspects if one.slide not in skipped},
        reviewed=sum(change.added for change in reviewed.changes.values()),
    )  # fmt: skip
    record = tiles.record.model_copy(update={"minings": (*tiles.record.minings, mining)})
    return Mined(TileSet(table[list(COLUMNS)], record), dict(places), skipped, reviewed.changes, unused, reviewed.notes)


def _one_model(suspects: Sequence[PositiveTiles]) -> PositiveTiles:
    """The first of them, which has the model and threshold of all."""
    used = sorted({(one.bundle, one.bundle_sha256, one.threshold) for one in suspects})
    if len(used) > 1:
        shown = ", ".join(f"{name} ({sha256[:8]}) from {value:g} on" for name, sha256, value in used)
        raise DataError(f"the scans are of several models or thresholds: {shown}; mine each by itself")
    return suspects[0]


def _not_mined(slide: TiledSlide | None) -> str:
    if slide is None:
        return "not among the slides of the tiles; if it was reviewed, --slides with its folder adds it"
    if slide.split != "train":
        return f"its tiles are for {slide.split}"
    known = slide.complete or slide.review is not None
    return "" if known else "annotated in part: what is not annotated may be tumour"


def _check_same(one: PositiveTiles, slide: TiledSlide, config: TilesConfig) -> None:
    if one.size_px != config.size_px or abs(one.mpp / config.mpp - 1) > 1e-6:
        raise DataError(
            f"slide {one.slide} was scanned in tiles of {one.size_px} px at {one.mpp:g} µm/px, these are of "
            f"{config.size_px} px at {config.mpp:g} µm/px; scan with a model of such tiles"
        )
    if (one.slide_width, one.slide_height) != (slide.width, slide.height):
        raise DataError(
            f"the scan of {one.slide} is of a slide of {one.slide_width} × {one.slide_height} px, the tiles are of "
            f"one of {slide.width} × {slide.height}; scan the slide that the tiles were drawn from"
        )


def _mine(
    one: PositiveTiles, slide: TiledSlide, tiles: TileSet, truth: Truth, per_slide: int
) -> tuple[pd.DataFrame, Counter[str]]:
    config, mpp = tiles.record.config, Mpp(slide.mpp_x, slide.mpp_y)
    labelled = label_tiles(one.x0, one.y0, mpp, truth.annotations, config, complete=truth.complete)
    mine = tiles.table[tiles.table["slide"] == slide.name]
    there = set(zip(mine["x0"], mine["y0"], strict=True))
    side_um = config.size_px * config.mpp
    beyond = (one.x0 + round(side_um / mpp.x) > slide.width) | (one.y0 + round(side_um / mpp.y) > slide.height)
    left = per_slide - int((mine["origin"] == MINED).sum())
    counts: Counter[str] = Counter()
    chosen: list[int] = []
    for index in np.lexsort((one.x0, one.y0, -one.scores)).tolist():
        if labelled.tumour[index]:
            reason = TRUE
        elif not labelled.normal[index]:
            reason = str(labelled.left_out[index])
        elif beyond[index]:
            reason = BEYOND
        elif (one.x0[index], one.y0[index]) in there:
            reason = KNOWN
        else:
            reason = ADDED if len(chosen) < left else OVER
        counts[reason] += 1
        if reason == ADDED:
            chosen.append(index)
    part = pd.DataFrame(
        {
            "slide": slide.name, "x0": one.x0[chosen], "y0": one.y0[chosen], "label": NORMAL, "split": slide.split,
            "tumour": labelled.fraction[chosen], "tissue": np.float32(np.nan), "origin": MINED,
            "score": one.scores[chosen],
        }
    )  # fmt: skip
    return part, counts
