"""What a scan leaves: every file of its folder, and the record that sums it up."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.files import atomic_file, write_json
from sentinode.core.messages import plural
from sentinode.models.bundle_info import BundleInfo
from sentinode.scanning.heatmap import Heatmap, build_heatmap
from sentinode.scanning.heatmap_file import write_heatmap
from sentinode.scanning.lesion_file import write_lesions
from sentinode.scanning.lesions import OutlinedLesion, find_lesions
from sentinode.scanning.overlay import QUICK_PNG, write_overlay
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_record import (
    RECORD_FILE,
    TISSUE_FILE,
    BundleFacts,
    ScanRecord,
    SlideFacts,
    TileCounts,
    TissueFacts,
)
from sentinode.scanning.tiles_file import write_scanned_tiles
from sentinode.slides.slide import Slide
from sentinode.slides.tile_plan import TilePlan
from sentinode.slides.tissue.tissue_files import render_overlay
from sentinode.slides.tissue.tissue_mask import Survey


@dataclass(frozen=True, eq=False)
class Scanned:
    """All that is known when the last tile has its scores."""

    slide: Slide
    facts: SlideFacts
    info: BundleInfo
    bundle_sha256: str
    engine: str
    config: ScanConfig
    config_sha256: str
    key: str
    survey: Survey
    plan: TilePlan
    scores: NDArray[np.float32]
    """(N, classes); NaN where a tile could not be read."""
    messages: list[str]
    """What was wrong with the first unreadable tiles."""
    tiles_per_s: float | None
    seconds: Mapping[str, float]


def write_results(folder: Path, scanned: Scanned) -> ScanRecord:
    """Write all files of a scan into the empty `folder`; returns its record, which is written last."""
    slide, names = scanned.slide, scanned.info.classes.names
    target = scanned.config.target_of(scanned.info)
    threshold, source = scanned.config.threshold_for(scanned.info)
    write_scanned_tiles(folder, scanned.plan, names, scanned.scores)
    heatmap = build_heatmap(
        slide.width, slide.height, slide.mpp, scanned.plan.spec, scanned.plan.x0, scanned.plan.y0,
        scanned.scores[:, names.index(target)],
    )  # fmt: skip
    rule = scanned.config.lesion_rule(scanned.info)
    lesions = find_lesions(heatmap, rule, slide.width, slide.height)
    write_heatmap(folder, heatmap, target)
    write_lesions(folder, slide.name, lesions)
    with atomic_file(folder / TISSUE_FILE) as temporary:
        Image.fromarray(render_overlay(scanned.survey)).save(temporary, format="PNG", compress_level=QUICK_PNG)
    write_overlay(
        folder, scanned.survey.overview, slide.width, slide.height, heatmap, lesions,
        title=_title(scanned, heatmap, lesions), target=target, threshold=threshold,
    )  # fmt: skip
    record = _record(scanned, heatmap, lesions, target, threshold, source)
    write_json(folder / RECORD_FILE, record.model_dump(mode="json"))
    return record


def _record(
    scanned: Scanned, heatmap: Heatmap, lesions: list[OutlinedLesion], target: str, threshold: float, source: str
) -> ScanRecord:
    info, spec = scanned.info, scanned.plan.spec
    seen = bool(np.isfinite(heatmap.values).any())
    return ScanRecord(
        status="finished",
        name=scanned.facts.name,
        key=scanned.key,
        config=scanned.config.model_dump(mode="json"),
        config_sha256=scanned.config_sha256,
        slide=scanned.facts,
        bundle=BundleFacts(
            name=info.name,
            sha256=scanned.bundle_sha256,
            classes=info.classes.names,
            target=target,
            threshold=threshold,
            threshold_source=source,
            engine=scanned.engine,
            tile_size_px=spec.size_px,
            mpp=spec.mpp,
        ),
        tiles=_counts(scanned),
        tissue=_tissue(scanned),
        slide_score=float(np.nanmax(heatmap.values)) if seen else None,
        lesions=tuple(one.lesion for one in lesions),
        lesion_rule=scanned.config.lesion_rule(info),
        notes=_notes(scanned),
        timings_s={name: seconds for name, seconds in scanned.seconds.items() if name != "writing"},
        tiles_per_s=round(scanned.tiles_per_s, 1) if scanned.tiles_per_s else None,
    )


def _counts(scanned: Scanned) -> TileCounts:
    planned = len(scanned.plan)
    unreadable = int(np.isnan(scanned.scores).any(axis=1).sum())
    return TileCounts(
        planned=planned,
        scanned=planned - unreadable,
        unreadable=unreadable,
        coverage=(planned - unreadable) / planned if planned else 1.0,
        first_unreadable=tuple(scanned.messages),
    )


def _tissue(scanned: Scanned) -> TissueFacts:
    method: Literal["rules", "model", "none"]
    method = "none" if scanned.config.tissue is None else "model" if scanned.config.tissue_model else "rules"
    mask = scanned.survey.mask
    return TissueFacts(
        method=method,
        tissue_mm2=round(mask.tissue_mm2, 6),
        excluded_mm2={reason: round(area, 6) for reason, area in mask.excluded.items()},
    )


def _notes(scanned: Scanned) -> tuple[str, ...]:
    counts, notes = _counts(scanned), []
    if not counts.planned:
        notes.append("no tile has enough tissue: nothing was scanned")
    if counts.unreadable:
        notes.append(f"{counts.unreadable} of {counts.planned} tiles can't be read: {counts.coverage:.1%} was seen")
    if "estimated" in scanned.facts.mpp_source:
        notes.append(f"the µm/px is {scanned.facts.mpp_source}: sizes are as uncertain")
    return tuple(notes)


def _title(scanned: Scanned, heatmap: Heatmap, lesions: list[OutlinedLesion]) -> str:
    name, counts = " ".join(scanned.slide.name.split()), _counts(scanned)
    if not np.isfinite(heatmap.values).any():
        return f"{name} · no tissue was scanned"
    longest = max((one.lesion.diameter_um for one in lesions), default=0.0)
    found = f"{plural(len(lesions), 'lesion')}, the longest {longest / 1000:.2g} mm" if lesions else "no lesion"
    lost = f" · {counts.unreadable} of {counts.planned} tiles unreadable" if counts.unreadable else ""
    return f"{name} · highest score {float(np.nanmax(heatmap.values)):.3f} · {found}{lost}"
