"""The shapes of answers on slide models."""

from pydantic import Field

from sentinode.serving.schemas import AnswerShape


class AttentionTileAnswer(AnswerShape):
    """A tile to look at, of where the slide model looked."""

    rank: int
    x: int
    y: int
    attention: float = Field(description="Share of the slide's attention, which is 1 in sum; no probability")
    score: float = Field(description="Probability by the model that judges tiles")


class SlideModelAnswer(AnswerShape):
    """A slide model, and its answer."""

    name: str
    sha256: str
    method: str
    classes: list[str] = Field(description="Of slides; the first is that nothing is found")
    probabilities: list[float]
    score: float = Field(description="Probability that something is found")
    threshold: float
    threshold_source: str
    positive: bool
    candidates: list[AttentionTileAnswer] = Field(description="Tiles by falling attention × score")
    attended: list[AttentionTileAnswer] = Field(
        description="Tiles by falling attention: what the answer rests on; empty where a model looks at all tiles alike"
    )
    tile_width: int
    tile_height: int


class ScanSlideModelAnswer(AnswerShape):
    """What a slide model says of a scan's slide."""

    slide_model: SlideModelAnswer | None = Field(description="null: the scan was made without a slide bundle")
