"""Reviews put into drawn tiles: those that it contradicts are labelled anew or dropped, its tumour gives new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from sentinode.core.errors import DataError
from sentinode.core.files import sha256_of_file
from sentinode.data.tiles.annotated_slides import AnnotatedSlide
from sentinode.data.tiles.tile_folder import COLUMNS, REVIEWED, TiledSlide, TileSet
from sentinode.data.tiles.tile_labels import label_tiles
from sentinode.data.tiles.tile_sampler import facts_of, name_and_hash, places_of, rng_of
from sentinode.data.tiles.tiles_config import CLASS_NAMES, NORMAL, TUMOUR, TilesConfig
from sentinode.data.tiles.truth import Truth, read_files, read_placed, truth_of
from sentinode.slides.annotations.annotation_folder import AnnotationFolder, files_of
from sentinode.slides.annotations.camelyon import is_partly_annotated, is_wrong, known_trap, named_slide, patient_of
from sentinode.slides.annotations.regions import REJECTED, Annotations
from sentinode.slides.mpp import Mpp
from sentinode.slides.slide import open_slide


@dataclass
class Change:
    """What a review changed about the tiles of a slide."""

    added: int = 0
    """Tumour tiles."""
    relabelled: int = 0
    dropped: int = 0
    """Neither tumour nor known to be normal any more."""

    def __str__(self) -> str:
        counts = {"tumour tiles added": self.added, "labelled anew": self.relabelled, "dropped": self.dropped}
        said = [f"{count:,} {what}" for what, count in counts.items() if count]
        return ", ".join(said) or "no tile contradicts it, and it has no tumour that gives a new one"


@dataclass(frozen=True, eq=False)
class ReviewedTiles:
    """Tiles that agree with every review."""

    tiles: TileSet
    truths: dict[str, Truth]
    """Slide → what its tiles are labelled by, of the slides that were asked for."""
    changes: dict[str, Change]
    """Slide → what a review that is new to the tiles changed."""
    refused: dict[str, str] = field(default_factory=dict)
    """New slide → why it gives no tiles."""
    notes: tuple[str, ...] = ()
    """What was mended in annotations and reviews."""


def apply_reviews(
    tiles: TileSet, folders: Sequence[AnnotationFolder], scanned: Sequence[str], new: Mapping[str, Path], per_slide: int
) -> ReviewedTiles:
    """Bring tiles up to date with the reviews in `folders`.

    Of each slide with a review that the tiles don't know yet, every tile is labelled anew. Slides of the training part
    also get tiles of the tumour that was accepted or drawn; those of validation and test get none, because what a
    model's findings choose would change what it is measured by.

    Args:
        tiles: Not changed.
        folders: With the annotations that the tiles were drawn with, and with reviews.
        scanned: Slides that the truth of is wanted.
        new: Slide → file, of slides that are not among the tiles: with a review they join the training part.
        per_slide: At most so many tumour tiles from one slide, those of earlier reviews included.

    Raises:
        DataError: An annotation was changed since the tiles were drawn, or it or a review is missing.
        AnnotationError: A file can't be read, or there are two annotations or two reviews of a slide.
        SlideError: A slide can't be read.
    """
    config = tiles.record.config
    parts: dict[str, pd.DataFrame] = {str(name): part for name, part in tiles.table.groupby("slide")}
    slides, truths, changes, refused = list(tiles.record.slides), {}, {}, {}
    notes: list[str] = []
    for number, slide in enumerate(tiles.record.slides):
        files = files_of(folders, slide.name)
        if slide.name not in scanned and _all_known(files, slide):
            continue
        annotation, review = read_placed(files, slide.extent, config.tumour_names)
        notes += _mended(slide.name, annotation, review)
        _check_unchanged(slide, annotation, review, folders)
        truths[slide.name] = truth = _truth(slide, annotation, review)
        facts = name_and_hash("review", review)
        if facts["review_sha256"] != slide.review_sha256:
            slides[number] = slide.model_copy(update=facts)
            there = parts.get(slide.name, tiles.table[:0])
            parts[slide.name], changes[slide.name] = _anew(slides[number], truth, there, config, per_slide)
    groups = {slide.group: slide.split for slide in slides}
    for name in sorted(set(scanned) & set(new) - {slide.name for slide in slides}):
        files = files_of(folders, name)
        annotation, review = read_files(files, config.tumour_names)
        if reason := _not_added(name, review, groups):
            refused[name] = reason
            continue
        slide = _joining(new[name], annotation, review, config)
        annotation, review = read_placed(files, slide.extent, config.tumour_names)
        notes += _mended(name, annotation, review)
        slides.append(slide)
        truths[name] = truth = _truth(slide, annotation, review)
        parts[name], changes[name] = _anew(slide, truth, tiles.table[:0], config, per_slide)
    if changes:
        table = pd.concat([part for part in parts.values() if len(part)], ignore_index=True)
        table = table.sort_values(["slide", "y0", "x0"], kind="stable").reset_index(drop=True)
        record = tiles.record.model_copy(update={"slides": tuple(slides)})
        tiles = TileSet(table[list(COLUMNS)], record)
    return ReviewedTiles(tiles, truths, changes, refused, tuple(notes))


def _mended(name: str, *drawn: Annotations | None) -> list[str]:
    return [f"{name}: {text}" for one in drawn if one is not None for text in one.warnings]


def _all_known(files: Sequence[Path], slide: TiledSlide) -> bool:
    return {sha256_of_file(file) for file in files} <= {slide.annotation_sha256, slide.review_sha256}


def _check_unchanged(
    slide: TiledSlide, annotation: Annotations | None, review: Annotations | None, folders: Sequence[AnnotationFolder]
) -> None:
    """Refuse another annotation than that of the drawing: what it leaves out can't be told from what it never had."""
    shown = ", ".join(str(folder.path) for folder in folders)
    for there, before, what in ((annotation, slide.annotation, "annotation"), (review, slide.review, "review")):
        if before is not None and there is None:
            raise DataError(
                f"tiles of slide {slide.name} were labelled by its {what}, and there is none in {shown}; name the "
                f"folder of {before}"
            )
    if annotation is None or annotation.path is None:
        return
    if slide.annotation is None:
        if any(region.kind != REJECTED for region in annotation.regions):
            raise DataError(
                f"{annotation.path} has regions, and the tiles were drawn of a slide without that annotation; draw the "
                "tiles again"
            )
    elif sha256_of_file(annotation.path) != slide.annotation_sha256:
        raise DataError(
            f"{annotation.path} is not what tiles were drawn with: it was changed since, and is no review that was "
            "exported from the viewer; draw the tiles again"
        )


def _truth(slide: TiledSlide, annotation: Annotations | None, review: Annotations | None) -> Truth:
    return truth_of(annotation if slide.annotation else None, review, complete=slide.complete)


def _not_added(name: str, review: Annotations | None, groups: Mapping[str, str]) -> str:
    named = named_slide(name)
    split = groups.get(patient_of(name) or name, "train")
    if review is None:
        return "new to the tiles, and without a review"
    if is_wrong(name):
        return known_trap(name) or ""
    if named is not None and named.split == "test":
        return "new to the tiles, and a test slide by its name"
    return "" if split == "train" else f"new to the tiles, and its patient's slides are for {split}"


def _joining(path: Path, annotation: Annotations | None, review: Annotations | None, config: TilesConfig) -> TiledSlide:
    """A slide that becomes one of the training part."""
    files = tuple(file.path for file in (annotation, review) if file is not None and file.path is not None)
    group, complete = patient_of(path.stem) or path.stem, not is_partly_annotated(path.stem)
    with open_slide(path, mpp=config.slide_mpp, series=config.series) as slide:
        return facts_of(AnnotatedSlide(path, files, group, "train", complete), slide, annotation, review)


def _anew(
    slide: TiledSlide, truth: Truth, there: pd.DataFrame, config: TilesConfig, per_slide: int
) -> tuple[pd.DataFrame, Change]:
    """The tiles of a slide by what is known now."""
    found = label_tiles(
        there["x0"].to_numpy(), there["y0"].to_numpy(), Mpp(slide.mpp_x, slide.mpp_y), truth.annotations, config,
        complete=truth.complete,
    )  # fmt: skip
    labels = np.where(found.tumour, TUMOUR, NORMAL)
    other = labels != there["label"].to_numpy()
    kept = found.tumour | found.normal
    table = there.assign(
        label=labels, tumour=found.fraction,
        origin=np.where(other, REVIEWED, there["origin"]), score=there["score"].mask(other),
    )[kept]  # fmt: skip
    change = Change(relabelled=int((other & kept).sum()), dropped=int((~kept).sum()))
    if slide.split == "train":
        added = _tumour(slide, truth, table, config, per_slide)
        change.added = len(added)
        table = pd.concat([part for part in (table, added) if len(part)] or [table], ignore_index=True)
    return table, change


def _tumour(slide: TiledSlide, truth: Truth, there: pd.DataFrame, config: TilesConfig, per_slide: int) -> pd.DataFrame:
    """Tiles of the tumour that a review found that are not there, up to the most that a slide may give."""
    if truth.review is None or not truth.review.of(TUMOUR):
        return there[:0]
    with open_slide(Path(slide.file), mpp=config.slide_mpp, series=config.series) as opened:
        x0, y0, tissue = places_of(opened, config)
        found = label_tiles(x0, y0, opened.mpp, truth.annotations, config, complete=truth.complete)
        touched = label_tiles(x0, y0, opened.mpp, truth.review, config).fraction > 0
    known = set(zip(there["x0"], there["y0"], strict=True))
    free = [index for index in np.flatnonzero(found.tumour & touched) if (x0[index], y0[index]) not in known]
    left = max(0, per_slide - int(((there["label"] == TUMOUR) & (there["origin"] == REVIEWED)).sum()))
    chosen = rng_of(slide.name, config).permutation(np.array(free, int))[:left]
    return pd.DataFrame(
        {
            "slide": slide.name, "x0": x0[chosen], "y0": y0[chosen], "label": CLASS_NAMES[1], "split": slide.split,
            "tumour": found.fraction[chosen], "tissue": tissue[chosen], "origin": REVIEWED, "score": np.float32(np.nan),
        }
    )  # fmt: skip
