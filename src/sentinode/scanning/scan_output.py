"""What a scan leaves: every file of its folder, and the record that sums it up."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.files import atomic_file, write_json
from sentinode.core.messages import plural
from sentinode.scanning.heatmap import Heatmap, build_heatmap, write_heatmap
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.lesion_file import write_lesions
from sentinode.scanning.lesions import OutlinedLesion, find_lesions
from sentinode.scanning.overlay import QUICK_PNG, write_overlay
from sentinode.scanning.scan_record import (
    HIGHEST_CELL,
    RECORD_FILE,
    TISSUE_FILE,
    BundleFacts,
    FinishedScan,
    NoveltyFacts,
    SlideFacts,
    StainFacts,
    TileCounts,
    TissueFacts,
)
from sentinode.scanning.slide_model import Judgement
from sentinode.scanning.slide_model_output import write_judgement
from sentinode.scanning.slide_novelty import warning
from sentinode.scanning.slide_stain import kept_words
from sentinode.scanning.tiles_file import write_scanned_tiles
from sentinode.slides.colour_check import doubtful_colours
from sentinode.slides.slide import Slide
from sentinode.slides.tile_plan import TilePlan
from sentinode.slides.tissue.tissue_files import render_overlay
from sentinode.slides.tissue.tissue_mask import Survey


@dataclass(frozen=True, eq=False)
class Scanned:
    """All that is known when the last tile has its scores."""

    engine: LazyEngine
    slide: Slide
    facts: SlideFacts
    key: str
    survey: Survey
    plan: TilePlan
    scores: NDArray[np.float32]
    """(N, classes); NaN where a tile could not be read."""
    messages: list[str]
    """What was wrong with the first unreadable tiles."""
    novelty: NoveltyFacts | None
    stain: StainFacts | None
    tiles_per_s: float | None
    seconds: Mapping[str, float]
    judgement: Judgement | None = None
    """What a slide model says."""

    @cached_property
    def counts(self) -> TileCounts:
        """How much of the slide was seen."""
        planned = len(self.plan)
        read = ~np.isnan(self.scores).any(axis=1)
        unreadable = int((~read).sum())
        plan, mask = self.plan, self.survey.mask
        return TileCounts(
            planned=planned,
            scanned=planned - unreadable,
            unreadable=unreadable,
            coverage=(planned - unreadable) / planned if planned else 1.0,
            tissue_read=round(mask.covered(plan.x0[read], plan.y0[read], plan.width, plan.height), 6),
            first_unreadable=tuple(self.messages),
        )


def write_results(folder: Path, scanned: Scanned) -> FinishedScan:
    """Write all files of a scan into the empty `folder`; returns its record, which is written last."""
    slide, tiles, scan = scanned.slide, scanned.plan, scanned.engine.plan
    names = scanned.engine.bundle.info.classes.names
    judgement = scanned.judgement
    write_scanned_tiles(folder, tiles, names, scanned.scores, judgement.attention if judgement else None)
    if judgement:
        write_judgement(folder, judgement, slide, tiles, scanned.survey.overview)
    heatmap = build_heatmap(
        slide.width, slide.height, slide.mpp, tiles.spec, tiles.x0, tiles.y0,
        scanned.scores[:, names.index(scan.target)],
    )  # fmt: skip
    lesions = find_lesions(heatmap, scan.rule, slide.width, slide.height)
    write_heatmap(folder, heatmap, scan.target)
    write_lesions(folder, slide.name, lesions)
    with atomic_file(folder / TISSUE_FILE) as temporary:
        Image.fromarray(render_overlay(scanned.survey)).save(temporary, format="PNG", compress_level=QUICK_PNG)
    record = _record(scanned, heatmap, lesions)
    write_overlay(
        folder, scanned.survey.overview, slide.width, slide.height, heatmap, lesions,
        title=_title(scanned, heatmap, lesions, record), target=scan.target, threshold=scan.threshold,
    )  # fmt: skip
    write_json(folder / RECORD_FILE, record.model_dump(mode="json"))
    return record


def _record(scanned: Scanned, heatmap: Heatmap, lesions: list[OutlinedLesion]) -> FinishedScan:
    engine, scan, mask = scanned.engine, scanned.engine.plan, scanned.survey.mask
    seen = bool(np.isfinite(heatmap.values).any())
    method: Literal["rules", "model", "none"]
    judged = scanned.judgement.facts if scanned.judgement else None
    method = "none" if scan.config.tissue is None else "model" if scan.tissue_model else "rules"
    record = FinishedScan(
        name=scanned.facts.name,
        key=scanned.key,
        config=scan.config.model_dump(mode="json"),
        config_sha256=scan.config_sha256,
        slide=scanned.facts,
        bundle=BundleFacts(
            name=engine.bundle.info.name,
            sha256=engine.sha256,
            classes=engine.bundle.info.classes.names,
            target=scan.target,
            threshold=scan.threshold,
            threshold_source=scan.threshold_source,
            engine=engine.name,
            tile_size_px=scan.tiles.size_px,
            mpp=scan.tiles.mpp,
        ),
        tiles=scanned.counts,
        tissue=TissueFacts(
            method=method,
            tissue_mm2=round(mask.tissue_mm2, 6),
            excluded_mm2={reason: round(area, 6) for reason, area in mask.excluded.items()},
        ),
        slide_score=_score(scanned.judgement, heatmap) if seen else None,
        slide_score_method=f"probability by the slide model {judged.name}" if judged else HIGHEST_CELL,
        slide_model=judged,
        lesions=tuple(one.lesion for one in lesions),
        lesion_rule=scan.rule,
        novelty=scanned.novelty,
        stain=scanned.stain,
        colours=doubtful_colours(scanned.survey.overview),
        notes=_notes(scanned),
        timings_s={name: seconds for name, seconds in scanned.seconds.items() if name != "writing"},
        tiles_per_s=round(scanned.tiles_per_s, 1) if scanned.tiles_per_s else None,
    )
    if not record.not_assessed:
        return record
    return record.model_copy(update={"notes": (f"not assessed: {record.not_assessed}", *record.notes)})


def _score(judgement: Judgement | None, heatmap: Heatmap) -> float:
    return judgement.facts.score if judgement else float(np.nanmax(heatmap.values))


def _notes(scanned: Scanned) -> tuple[str, ...]:
    counts, notes = scanned.counts, []
    if not counts.planned:
        notes.append("no tile has enough tissue")
    if counts.unreadable:
        notes.append(
            f"{counts.unreadable} of {plural(counts.planned, 'tile')} can't be read: {counts.coverage:.1%} was seen"
        )
    if "estimated" in scanned.facts.mpp_source:
        notes.append(f"the µm/px is {scanned.facts.mpp_source}: sizes are as uncertain")
    if scanned.novelty and (doubt := warning(scanned.novelty, scanned.engine.bundle.info.name)):
        notes.append(doubt)
    if scanned.stain and (kept := kept_words(scanned.stain)):
        notes.append(kept)
    return tuple(notes)


def _title(scanned: Scanned, heatmap: Heatmap, lesions: list[OutlinedLesion], record: FinishedScan) -> str:
    name, counts = " ".join(scanned.slide.name.split()), scanned.counts
    if not np.isfinite(heatmap.values).any():
        return f"{name} · no tissue was scanned"
    longest = max((one.lesion.diameter_um for one in lesions), default=0.0)
    found = f"{plural(len(lesions), 'lesion')}, the longest {longest / 1000:.2g} mm" if lesions else "no lesion"
    lost = f" · {counts.unreadable} of {plural(counts.planned, 'tile')} unreadable" if counts.unreadable else ""
    lost += " · not assessed" if record.not_assessed else ""
    return f"{name} · highest score {float(np.nanmax(heatmap.values)):.3f} · {found}{lost}"
