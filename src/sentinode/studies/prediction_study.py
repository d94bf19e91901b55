"""`sentinode predict`: images in, classes out, as they come."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sentinode.core.csv_output import write_csv
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import open_bundle
from sentinode.models.bundle_info import BundleInfo
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.novelty import TISSUE, TrainingRange
from sentinode.models.prediction import Failure, Prediction, expand_images, predict_images


class PatchPredictions:
    """Predictions of images, each made when it is asked for: go through them once.

    An image that can't be read does not stop the rest; it is put into `failures`.
    """

    def __init__(
        self,
        engine: Engine,
        info: BundleInfo,
        paths: Sequence[Path],
        *,
        resize: bool,
        progress: Progress,
        known: TrainingRange | None = None,
    ):
        """Args: what answers; its bundle's facts; the images; see `predict`; what the bundle was trained on."""
        self.info = info
        self.paths = paths
        self.failures: list[Failure] = []
        self._engine = engine
        self._resize = resize
        self._known = known
        self._progress = progress

    def __iter__(self) -> Iterator[Prediction]:
        with self._progress.bar("predicting", len(self.paths), "images") as advance:
            for one in predict_images(self._engine, self.paths, resize=self._resize, known=self._known):
                advance()
                if isinstance(one, Failure):
                    self.failures.append(one)
                else:
                    yield one

    @property
    def rule(self) -> str:
        """How a class is decided, in words."""
        threshold = self.info.threshold
        if threshold is None:
            return "the likeliest class is predicted"
        chosen = f"rule {threshold.rule}, chosen on {threshold.split}"
        return f"{self.info.classes.positive} from a probability of {threshold.value:.3f} ({chosen})"

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each as a row: path, prediction, p_CLASS of every class, confidence, low_confidence, outside."""
        return (one.row() for one in self)

    def lines(self) -> Iterator[str]:
        """Each as a line of text, below one that says how a class is decided."""
        names = self.info.classes.names
        width = max(map(len, names))
        yield f"# {self.rule}"
        for one in self:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in one.probabilities.items())
            flag = "  low confidence" if one.low_confidence else ""
            yield f"{one.label:<{width}}  {shown}  {one.path}{flag}{_far(one.outside)}"

    def write_csv(self, path: str | Path) -> str:
        """Write the rows into a file, whole or not at all; says how many there are."""
        names = self.info.classes.names
        head = ["path", "prediction", *(f"p_{name}" for name in names), "confidence", "low_confidence", "outside"]
        rows = ({**row, "low_confidence": "true" if row["low_confidence"] else "false"} for row in self.rows())
        count = write_csv(Path(path), head, ([row[name] for name in head] for row in rows))
        return f"{count:,} of {plural(len(self.paths), 'image')} in {path}; {self.rule}"

    def warnings(self) -> list[str]:
        """A line for each image that failed; complete once all have been gone through."""
        return [f"not predicted: {failure.message}" for failure in self.failures]


def predict(
    bundle: str | Path,
    images: Sequence[str | Path],
    *,
    resize: bool = False,
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> PatchPredictions:
    """Classify images: class, probability of each class, confidence, whether it is low, and whether the image lies
    outside of what the model was trained on.

    Args:
        bundle: A bundle's folder or a shipped name.
        images: Files, folders or glob patterns.
        resize: Accept images of another size and resize them.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        DataError: There is no such image.
        BundleError: The bundle is missing, damaged, or answers differently than recorded.
    """
    paths = expand_images([str(image) for image in images])
    opened = open_bundle(bundle)
    opened.info.refuse_context("single images have none")
    runner = open_engine(opened, engine, threads=(settings or Settings.from_environment()).threads)
    known = TrainingRange.of(opened.reference())
    return PatchPredictions(runner, opened.info, paths, resize=resize, progress=progress, known=known)


def _far(outside: tuple[str, ...] | None) -> str:
    """What to know of an image that is not what the model was made for, in words."""
    unlike = ", ".join(name for name in outside or () if name != TISSUE)
    bare = "  no tissue in it" if outside and TISSUE in outside else ""
    return bare + (f"  outside of the training data in {unlike}" if unlike else "")
