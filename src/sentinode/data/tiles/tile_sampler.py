"""From slides and annotations to labelled, balanced tiles that are split by slide."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import AnnotationError, DataError, SlideError
from sentinode.core.files import sha256_of_file, sha256_of_json
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.data.source_splits import shares_to_cut
from sentinode.data.splits import cut_by_group
from sentinode.data.tiles.annotated_slides import AnnotatedSlide, AnnotatedSlides
from sentinode.data.tiles.balance import balance
from sentinode.data.tiles.tile_folder import (
    COLUMNS,
    DRAWN,
    TILE_FOLDER,
    FailedSlide,
    TiledSlide,
    TileSet,
    TilesRecord,
    holds_tiles,
    read_tile_folder,
    write_tile_folder,
)
from sentinode.data.tiles.tile_labels import label_tiles
from sentinode.data.tiles.tiles_config import CLASS_NAMES, NORMAL, TUMOUR, TilePlaces, TilesConfig
from sentinode.data.tiles.truth import read_placed, truth_of
from sentinode.slides.annotations.regions import Annotations
from sentinode.slides.colour_check import doubtful_colours
from sentinode.slides.reader import READING
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_plan import plan_tiles
from sentinode.slides.tissue.tissue_mask import survey


@dataclass(frozen=True, eq=False)
class _Candidates:
    slide: TiledSlide
    table: pd.DataFrame
    warnings: tuple[str, ...]


def draw_into(
    folder: Path, annotated: AnnotatedSlides, config: TilesConfig, progress: Progress
) -> tuple[TileSet, bool]:
    """Draw tiles into `folder`, or take those that are there from the same slides and configuration.

    Returns:
        The tiles, and whether they had been there.

    Raises:
        DataError: The folder has tiles of other slides or of another configuration; or see
            `draw_tiles`.
    """
    TILE_FOLDER.check(folder)
    if not holds_tiles(folder):
        tiles = draw_tiles(annotated, config, progress)
        write_tile_folder(folder, tiles)
        return tiles, False
    there = read_tile_folder(folder)
    if there.record.key != key_of(annotated, config):
        raise DataError(f"{folder} has tiles {_difference(there.record, config)}; give another --out, or remove it")
    if not there.record.failures or there.record.minings:
        return there, True
    tiles = draw_tiles(annotated, config, progress)  # a slide that failed may be in reach again
    write_tile_folder(folder, tiles)
    return tiles, False


def draw_tiles(annotated: AnnotatedSlides, config: TilesConfig, progress: Progress) -> TileSet:
    """Draw tiles from every slide of `annotated`.

    A slide that can't be read, or whose annotation can't, is recorded as failed; the rest goes on.

    Raises:
        DataError: No slide could be read, there is no tile of one of the classes, or slides can't be shared out.
    """
    found: list[_Candidates] = []
    failures: list[FailedSlide] = []
    with progress.bar("drawing", len(annotated.slides), "slides") as advance:
        for one in annotated.slides:
            try:
                found.append(_candidates(one, config))
            except (SlideError, AnnotationError) as error:
                failures.append(
                    FailedSlide(
                        name=one.name, file=str(one.path.resolve()), type=type(error).__name__, message=str(error)
                    )
                )
            advance()
    if not found:
        first = f", such as: {failures[0].message}" if failures else ""
        raise DataError(f"none of {plural(len(annotated.slides), 'slide')} can be drawn from{first}")
    table = pd.concat([one.table for one in found], ignore_index=True)
    _check_classes(table, found, config)
    table["split"] = _splits(
        table, [one.slide for one in found], {one.name for one in annotated.slides if one.told}, config
    )
    table = table[balance(table, config.ratio)]
    table = table.sort_values(["slide", "y0", "x0"], kind="stable").reset_index(drop=True)
    record = TilesRecord(
        key=key_of(annotated, config),
        config=config,
        slides=tuple(_with_outcome(one.slide, table) for one in found),
        failures=tuple(failures),
        left_out={one.id: f"{one.kind}: {one.detail}" for one in annotated.left_out},
        notes=(*annotated.notes, *_notes(found, table)),
    )
    return TileSet(table[list(COLUMNS)], record)


def key_of(annotated: AnnotatedSlides, config: TilesConfig) -> str:
    """A hash of all that drawn tiles depend on; of slides name, size and time, of annotations the content."""
    slides = [
        [
            one.name,
            *_stamp(one.path),
            [*map(sha256_of_file, one.annotations)],
            one.group,
            one.split,
            one.complete,
            one.told,
        ]
        for one in annotated.slides
    ]
    return sha256_of_json([READING, config.model_dump(mode="json"), slides])


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _candidates(one: AnnotatedSlide, config: TilesConfig) -> _Candidates:
    """Places of a slide that are tumour or normal, each class shuffled and cut at the most that a slide may give."""
    with open_slide(one.path, mpp=config.slide_mpp, series=config.series) as slide:
        annotation, review = read_placed(one.annotations, slide.extent, config.tumour_names)
        facts = facts_of(one, slide, annotation, review)
        truth = truth_of(annotation, review, complete=facts.complete)
        x0, y0, tissue = places_of(slide, config)
        labelled = label_tiles(x0, y0, slide.mpp, truth.annotations, config, complete=truth.complete)
    counts = {NORMAL: int(labelled.normal.sum()), TUMOUR: int(labelled.tumour.sum()), **labelled.counts()}
    rng = rng_of(one.name, config)
    rows = [rng.permutation(np.flatnonzero(which))[: config.per_slide] for which in (labelled.normal, labelled.tumour)]
    chosen = np.concatenate(rows)
    table = pd.DataFrame(
        {
            "slide": one.name, "x0": x0[chosen], "y0": y0[chosen],
            "label": np.repeat(np.array(CLASS_NAMES, object), [len(row) for row in rows]),
            "tumour": labelled.fraction[chosen], "tissue": tissue[chosen], "origin": DRAWN, "score": np.float32(np.nan),
        }
    )  # fmt: skip
    warnings = list(truth.annotations.warnings) if truth.annotations else []
    if truth.annotations and truth.annotations.passed_over:
        warnings.append(f"classes that were passed over: {', '.join(sorted(truth.annotations.passed_over))}")
    return _Candidates(
        facts.model_copy(update={"candidates": counts}), table, tuple(f"{one.name}: {text}" for text in warnings)
    )


def places_of(slide: Slide, config: TilePlaces) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Left edges, upper edges (level-0 pixels) and parts that are tissue, (N,) each, of the places of a scan's grid.

    Raises:
        SlideError: The slide is coarser than the tiles, or its colours can't be those of stained tissue.
    """
    slide.level_for(config.mpp)  # a slide that is too coarse is found here, not when its pixels are read
    seen = survey(slide)
    if doubt := doubtful_colours(seen.overview):
        raise SlideError(f"{slide.path}: {doubt}; correct or convert the file, or leave the slide out")
    plan = plan_tiles(slide.width, slide.height, slide.mpp, config.spec, seen.mask)
    # What juts out over the edge would be made white: nothing to learn from.
    whole = (plan.x0 + plan.width <= slide.width) & (plan.y0 + plan.height <= slide.height)
    return plan.x0[whole], plan.y0[whole], plan.tissue[whole]


def rng_of(slide_name: str, config: TilePlaces) -> np.random.Generator:
    """What chooses among the places of a slide: of each slide by itself, whatever other slides there are."""
    return np.random.default_rng([config.seed, *hashlib.sha256(slide_name.encode()).digest()[:8]])


def facts_of(
    one: AnnotatedSlide, slide: Slide, annotation: Annotations | None, review: Annotations | None
) -> TiledSlide:
    """What is kept of a slide with its files, before anything is drawn from it."""
    size, changed_ns = _stamp(one.path)
    return TiledSlide(
        name=one.name, file=str(one.path.resolve()), bytes=size, changed_ns=changed_ns,
        width=slide.width, height=slide.height, origin_x=slide.extent.origin_x, origin_y=slide.extent.origin_y,
        mpp_x=slide.mpp.x, mpp_y=slide.mpp.y,
        group=one.group, split=one.split or "",
        complete=one.complete and (annotation is not None or not one.annotations),
        **name_and_hash("annotation", annotation), **name_and_hash("review", review),
        candidates={}, drawn={},
    )  # fmt: skip


def name_and_hash(key: str, file: Annotations | None) -> dict[str, Any]:
    """The fields KEY and KEY_sha256 of `TiledSlide`."""
    path = file.path if file else None
    return {key: path and str(path.resolve()), f"{key}_sha256": path and sha256_of_file(path)}


def _check_classes(table: pd.DataFrame, found: Sequence[_Candidates], config: TilesConfig) -> None:
    for label in CLASS_NAMES:
        if not (table["label"] == label).any():
            counts: Counter[str] = Counter()
            for one in found:
                counts.update(one.slide.candidates)
            shown = ", ".join(f"{kind}: {count:,}" for kind, count in counts.items())
            raise DataError(
                f"no place of {plural(len(found), 'slide')} is {label} for tiles of {config.size_px} px at "
                f"{config.mpp:g} µm/px "
                f"({shown}); check the annotations, or change tile size, rule or margin"
            )


def _splits(table: pd.DataFrame, slides: Sequence[TiledSlide], told: set[str], config: TilesConfig) -> "pd.Series[str]":
    """The split of each tile: that of its slide, cut by group where layout and table leave one open."""
    of_slide = {slide.name: slide.split or "train" for slide in slides}
    groups = table["slide"].map({slide.name: slide.group for slide in slides})
    splits = table["slide"].map(of_slide)
    _check_groups(slides)
    shares = shares_to_cut(config.fractions, {slide.split for slide in slides if slide.split} - {"train"})
    pool = (splits == "train") & ~table["slide"].isin(told)
    if set(shares) != {"train"} and pool.any():
        splits[pool] = cut_by_group(table.loc[pool, "label"], groups[pool], shares, config.seed)
    return splits


def _check_groups(slides: Sequence[TiledSlide]) -> None:
    sides: dict[str, str] = {}
    for slide in slides:
        if sides.setdefault(slide.group, slide.split) != slide.split:
            raise DataError(
                f"patient {slide.group} is in {sides[slide.group]} and in {slide.split}; correct the table: a "
                "patient's slides belong to one split"
            )


def _with_outcome(slide: TiledSlide, table: pd.DataFrame) -> TiledSlide:
    mine = table[table["slide"] == slide.name]
    split = mine["split"].iloc[0] if len(mine) else slide.split
    counts = {label: int((mine["label"] == label).sum()) for label in CLASS_NAMES}
    return slide.model_copy(update={"split": split, "drawn": counts})


def _notes(found: Sequence[_Candidates], table: pd.DataFrame) -> tuple[str, ...]:
    notes = [text for one in found for text in one.warnings]
    notes += [f"{one.slide.name} gives no tile" for one in found if one.slide.name not in set(table["slide"])]
    for split, part in table.groupby("split"):
        missing = [label for label in CLASS_NAMES if not (part["label"] == label).any()]
        notes += [f"{split} has no {label} tile" for label in missing]
    return tuple(notes)


def _difference(there: TilesRecord, config: TilesConfig) -> str:
    pairs = ((name, getattr(there.config, name), getattr(config, name)) for name in TilesConfig.model_fields)
    changed = [f"{name} = {old} (now {new})" for name, old, new in pairs if old != new]
    return f"drawn with {', '.join(changed)}" if changed else "of other slides or annotations, or of changed ones"
