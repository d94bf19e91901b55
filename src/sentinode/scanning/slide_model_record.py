"""What a slide model says of a slide, as `scan.json` has it."""

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AttentionTile(_Part):
    """A tile to look at, of where the slide model looked."""

    rank: int
    x: int
    """Left edge, level-0 pixels."""
    y: int
    """Upper edge, level-0 pixels."""
    attention: float
    """Share of the slide's attention, which is 1 in sum. No probability."""
    score: float
    """Probability of the class that is looked for, by the bundle that judges tiles."""


class SlideModelRecord(_Part):
    """The slide model, and its answer."""

    name: str
    sha256: str
    """The slide bundle's hash."""
    method: str
    """How tiles become one answer, such as `abmil`."""
    classes: tuple[str, ...]
    """Of slides; the first is that nothing is found."""
    probabilities: tuple[float, ...]
    score: float
    """Probability that something is found: of all classes but the first."""
    threshold: float
    """The slide is called positive from this score on."""
    threshold_source: str
    positive: bool
    candidates: tuple[AttentionTile, ...] = ()
    """Tiles by falling attention × score: looked at by the slide model, and found suspicious by the tiles' own."""
    attended: tuple[AttentionTile, ...] = ()
    """Tiles by falling attention: what the answer rests on; none of a method that looks at all tiles alike."""
    tile_width: int
    """Of a candidate, level-0 pixels."""
    tile_height: int
