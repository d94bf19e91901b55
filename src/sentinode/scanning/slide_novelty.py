"""Whether a slide is like what the bundle was trained on, by a sample of its tiles."""

import numpy as np
from numpy.typing import NDArray

from sentinode.core.messages import plural
from sentinode.models.novelty import TrainingRange
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.scan_record import NoveltyFacts, StainFacts
from sentinode.slides.slide import Slide
from sentinode.slides.tile_batches import read_batches
from sentinode.slides.tile_plan import TilePlan

SAMPLE = 64
"""Tiles that are looked at, evenly over the slide: a share of a half is known to within 12 points by them."""
USUAL = 0.95
"""Part of the training images that is called usual."""
MOST_OUTSIDE = 0.5
"""A slide of which more tiles lie outside of what is usual, in one respect, is unlike the training data: its typical
tile lies farther out than 95 of 100 training images. A single tile may, as 5 of 100 training images do."""


def slide_novelty(
    slide: Slide,
    plan: TilePlan,
    scores: NDArray[np.float32],
    engine: LazyEngine,
    threads: int,
    stain: StainFacts | None = None,
) -> NoveltyFacts | None:
    """How far a slide lies outside of what the bundle was trained on; None where that can't be said.

    Args:
        slide: Open.
        plan: Its tiles.
        scores: (N, classes) of them; NaN where a tile could not be read.
        engine: What scored them.
        threads: For reading.
        stain: Of the slide.
    """
    known = TrainingRange.of(engine.bundle.reference(), USUAL)
    readable = np.flatnonzero(np.isfinite(scores).all(axis=1))
    if known is None or not len(readable):
        return None
    chosen = readable[np.unique(np.linspace(0, len(readable) - 1, min(SAMPLE, len(readable))).round().astype(int))]
    outside: list[tuple[str, ...]] = []
    for part in read_batches(
        slide, plan.spec.mpp, plan.spec.size_px, plan.x0[chosen], plan.y0[chosen], batch=SAMPLE, threads=threads,
        context=plan.spec.context,
    ):  # fmt: skip
        embedding = engine.get(stain).predict(part.tiles).embedding
        seen = [place for place in range(len(part.tiles)) if part.start + place not in part.unreadable]
        tiles = part.tiles[:, 0] if plan.spec.context else part.tiles  # looks are held against those of single tiles
        outside += known.outside([tiles[place] for place in seen], embedding[seen])
    if not outside:
        return None
    shares = {name: round(float(np.mean([name in each for each in outside])), 3) for name in known.respects}
    return NoveltyFacts(
        outside=any(share > MOST_OUTSIDE for share in shares.values()), tiles=len(outside), shares=shares
    )


def warning(novelty: NoveltyFacts, bundle: str) -> str | None:
    """What to say of it in a sentence; None where the slide is like the training data."""
    far = [f"{share:.0%} in {name}" for name, share in novelty.shares.items() if share > MOST_OUTSIDE]
    if not far:
        return None
    seen = f"of {plural(novelty.tiles, 'tile')}, {' and '.join(far)} lie farther out than {USUAL:.0%} of its images"
    return f"unlike what {bundle} was trained on: {seen}; doubt the result"
