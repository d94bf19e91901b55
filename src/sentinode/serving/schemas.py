"""The shapes of requests, which are checked, and of answers, which are described (OpenAPI) and tested."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sentinode.core.node_classes import SlideClass

NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
"""Of ids: PostgreSQL takes no NUL, and none has a line's end."""


class AnswerShape(BaseModel):
    """Of what the server answers: nothing but what is described."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class RequestShape(BaseModel):
    """Of what clients send: nothing unknown, no number that is none."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ProblemAnswer(AnswerShape):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


class Healthy(AnswerShape):
    """That the server answers, and whether its model is loaded."""

    status: Literal["healthy"]
    model_loaded: bool


class Live(AnswerShape):
    """The process answers."""

    status: Literal["alive"]


class Ready(AnswerShape):
    """Predictions can be made."""

    status: Literal["ready"]


class ModelName(AnswerShape):
    """Which model answered."""

    name: str = Field(examples=["pcam"])
    version: str = Field(examples=["3f9a1c0b7d2e"])


class PredictionAnswer(AnswerShape):
    """What the model says of one image."""

    prediction: str = Field(examples=["tumour"])
    confidence: float = Field(examples=[0.93])
    probabilities: dict[str, float] = Field(examples=[{"normal": 0.07, "tumour": 0.93}])
    model: ModelName
    threshold: float | None = Field(examples=[0.13])
    low_confidence: bool
    outside: list[Literal["tissue", "stain", "embedding", "sharpness", "compression"]] | None = Field(
        description="In what the image lies outside of what the model was trained on, and tissue where it shows none; "
        "null: the bundle can't tell"
    )
    request_id: str = Field(examples=["5f0c9a4be1d24c6d"])


class FilePrediction(PredictionAnswer):
    """The prediction of one of several files."""

    file: str


class FileProblem(AnswerShape):
    """A file that could not be predicted."""

    file: str
    problem: ProblemAnswer


class BatchAnswer(AnswerShape):
    """An entry for each file, in their order."""

    predictions: list[FilePrediction | FileProblem]


class MethodAnswer(AnswerShape):
    """A way to explain."""

    name: str = Field(examples=["gradcam"])
    title: str
    description: str
    default: bool


class ExplanationAnswer(AnswerShape):
    """A map over the image, and the prediction."""

    prediction: PredictionAnswer
    method: str
    class_: str = Field(alias="class")
    map: str = Field(examples=["data:image/png;base64,iVBORw0…"])
    faithfulness: dict[str, float] | None


class Box(AnswerShape):
    """A rectangle in level-0 pixels."""

    x: float
    y: float
    width: float
    height: float


class TileExplanationAnswer(ExplanationAnswer):
    """The explanation of a tile of a slide."""

    tile: Box
    image: str


class TilePlace(RequestShape):
    """A place on a slide, and how to explain it."""

    x: float = Field(ge=-1e9, le=1e9, examples=[1024])
    y: float = Field(ge=-1e9, le=1e9, examples=[2048])
    method: str | None = Field(default=None, max_length=64)
    target: str | None = Field(default=None, max_length=200, alias="class")
    faithfulness: bool = False


class SlideModelFacts(AnswerShape):
    """Facts of the slide bundle that a server was started with."""

    name: str
    version: str
    description: str
    method: str = Field(description="How tiles become one answer, such as abmil")
    classes: list[str] = Field(description="Of slides; the first is that nothing is found")
    label_rule: str = Field(description="What counts as found")
    threshold: dict[str, Any]
    metrics: dict[str, Any]
    metrics_split: str | None
    limits: list[str]
    card_html: str


class ModelAnswer(AnswerShape):
    """Facts of the bundle; of a slide bundle those of the one that judges its tiles, and `slide_model`."""

    name: str
    version: str
    description: str
    classes: list[str]
    positive: str | None
    tile_size: int
    any_size: bool
    mpp: float | None
    threshold: dict[str, Any] | None
    low_confidence: dict[str, Any] | None
    metrics: dict[str, Any]
    metrics_split: str | None
    thresholds: list[dict[str, float]]
    thresholds_split: str | None
    limits: list[str]
    card_html: str
    has_report: bool
    slide_model: SlideModelFacts | None = Field(description="null: the server was started with no slide bundle")
    research_use_only: Literal[True]


class Progress(AnswerShape):
    """Progress of a running scan, in tiles."""

    done: int
    total: int | None
    tiles_per_second: float | None
    seconds_left: float | None


class SlideProbability(AnswerShape):
    """What a slide model says of the whole slide, in short."""

    name: str = Field(description="The slide bundle's")
    score: float = Field(description="Calibrated probability that something is found")
    threshold: float
    positive: bool


class ScanAnswer(AnswerShape):
    """A scan in short."""

    id: str
    slide_id: str | None
    slide_name: str
    status: Literal["queued", "running", "finished", "failed", "cancelled"]
    progress: Progress | None
    problem: str | None
    created: str
    finished: str | None
    slide_score: float | None
    slide_class: SlideClass | Literal["not assessed"] | None = Field(
        description="`not assessed`: nothing, or less than 95 % of the tissue, was read; `problem` says why"
    )
    lesions: int | None
    threshold: float | None
    slide_model: SlideProbability | None = Field(description="null: the scan was made without a slide bundle")


class ScansAnswer(AnswerShape):
    """All scans, the newest first."""

    scans: list[ScanAnswer]


class ScanRequest(RequestShape):
    """A scan to be made."""

    slide_id: str = Field(max_length=64, pattern=NO_CONTROLS, examples=["b3JpZ2luYWw"])
    stride: int | None = Field(default=None, ge=8, le=4096, description="Pixels from tile to tile at the model's µm/px")
    test_time: Literal["none", "d4"] | None = None


class SlideAnswer(AnswerShape):
    """A slide."""

    id: str
    name: str
    file: str
    status: Literal["ready", "unreadable"]
    problem: str | None
    width: int | None
    height: int | None
    mpp: dict[str, float] | None
    objective: float | None
    levels: int
    has_annotations: bool
    uploaded: bool
    """Otherwise it lies in the server's folder, which is only read."""
    scan: ScanAnswer | None


class SlideFactsAnswer(SlideAnswer):
    """A slide with what its file says."""

    properties: dict[str, str]


class DeletedSlideAnswer(AnswerShape):
    """A slide that is deleted."""

    id: str
    name: str
    scans_cancelled: int
    """Scans of it that waited or ran."""


class SlidesAnswer(AnswerShape):
    """All slides, by name."""

    slides: list[SlideAnswer]


class LesionAnswer(AnswerShape):
    """A lesion."""

    id: str
    rank: int
    probability: float | None = Field(description="That it is a metastasis, by a learned rule; null without one")
    score_max: float
    score_mean: float
    area_mm2: float
    diameter_um: float
    class_: Literal["itc", "micro", "macro"] = Field(alias="class")
    centroid: dict[str, float]
    bounds: Box
    polygon: dict[str, Any]


class LesionsAnswer(AnswerShape):
    """The lesions at a threshold, by rank."""

    threshold: float
    of: Literal["score", "probability"] = Field(description="What the threshold is of")
    lesions: list[LesionAnswer]
    suspicious: list[LesionAnswer] = Field(description="Below the threshold, by falling probability, of a learned rule")
    notes: list[str] = Field(description="What to know of the scan: tiles that can't be read, a slide unlike training")


class GridAnswer(AnswerShape):
    """The heatmap's cells: base64 of rows × columns bytes, 0 to 250 for 0 to 1, 255 not scanned."""

    columns: int
    rows: int
    x: float
    y: float
    step_x: float
    step_y: float
    tile_width: int
    tile_height: int
    probabilities: str


class SessionRequest(RequestShape):
    """A token to begin a session with."""

    token: str = Field(min_length=1, max_length=500)


class SessionAnswer(AnswerShape):
    """Who asks."""

    required: bool
    role: Literal["viewer", "reviewer", "admin"] | None
    name: str | None
