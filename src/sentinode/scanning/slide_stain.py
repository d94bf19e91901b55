"""How a slide is stained, for bundles that normalise stain: estimated once, from tiles all over its tissue.

From tiles and not from the overview: there a pixel of 8 µm mixes a nucleus with what is around it. On three real nodes
the overview gave 0.52 to 0.65 of the strength of haematoxylin that tiles of 0.97 µm/px have, which training images had.
"""

import numpy as np

from sentinode.core.messages import plural
from sentinode.core.stain.normaliser import StainTarget
from sentinode.core.stain.optical_density import StainError
from sentinode.core.stain.stain_look import common_look
from sentinode.scanning.scan_record import StainFacts
from sentinode.slides.slide import Slide
from sentinode.slides.tile_batches import read_batches
from sentinode.slides.tile_plan import TilePlan

_ASKED = 64
"""Tiles, evenly over the slide. Their median is stable: it passes over pigment, ink and fat."""


def slide_stain(slide: Slide, plan: TilePlan, target: StainTarget | None, threads: int) -> StainFacts | None:
    """How a slide is stained; None where the bundle doesn't ask, or nothing of the slide is to be scored.

    Args:
        slide: Open.
        plan: Its tiles.
        target: Of the bundle.
        threads: For reading.
    """
    if target is None or not len(plan):
        return None
    chosen = np.unique(np.linspace(0, len(plan) - 1, min(_ASKED, len(plan))).round().astype(int))
    images = []
    for part in read_batches(
        slide, plan.spec.mpp, plan.spec.size_px, plan.x0[chosen], plan.y0[chosen], batch=_ASKED, threads=threads
    ):
        images += [part.tiles[n] for n in range(len(part.tiles)) if part.start + n not in part.unreadable]
    try:
        look = common_look(target.method, images)
    except StainError as error:
        return StainFacts(method=target.method, tiles=len(images), look=None, kept=error.reason)
    return StainFacts(method=target.method, tiles=len(images), look=look)


def kept_words(stain: StainFacts) -> str:
    """What to say of a slide's stain in a sentence; empty where it was normalised."""
    if not stain.kept:
        return ""
    return (
        f"the stain was not normalised, as of {plural(stain.tiles, 'tile')} most have {stain.kept}: "
        "the model was trained on normalised images; doubt the result"
    )
