"""How a synthetic slide is stained and lit: two scanners, as in CAMELYON16, and each laboratory's variation on them.

Light is absorbed by the law of Beer and Lambert: `rgb = background * exp(-(h * haematoxylin + e * eosin))`, with the
stains' optical densities as Ruifrok and Johnston (2001) measure them. One scanner shows brown and salmon, the other
violet and magenta.
"""

from dataclasses import dataclass

import numpy as np

from sentinode.slides.synthetic.cells import Array

_SCANNERS = (
    # haematoxylin, eosin (optical density of R, G, B at concentration 1), light of bare glass
    ((0.86, 1.36, 0.92), (0.11, 0.46, 0.36), (245, 239, 243)),
    ((1.00, 1.55, 0.58), (0.18, 0.74, 0.24), (240, 238, 243)),
)


@dataclass(frozen=True)
class Stains:
    """The colours of one slide."""

    densities: Array
    """(2, 3): optical density of R, G, B for one unit of haematoxylin and of eosin."""
    background: Array
    """(3,): RGB of bare glass."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Stains":
        """Draw a scanner, and the laboratory's variation on it."""
        haematoxylin, eosin, background = _SCANNERS[rng.integers(2)]
        gain = rng.normal(0, 0.12, (2, 1)) + rng.normal(0, 0.06, (2, 3))
        densities = np.array([haematoxylin, eosin]) * np.exp(gain)
        light = np.clip(np.array(background) + rng.normal(0, 1.5, 3), 225, 252)
        single = np.float32  # half the time of double precision
        return cls(densities.astype(single), light.astype(single))
