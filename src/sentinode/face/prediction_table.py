"""Images classified: a row an image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinode.core.errors import DataError
from sentinode.core.extras import require
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_text
from sentinode.face.notebook import html_table
from sentinode.models.bundle_info import BundleInfo
from sentinode.models.prediction import Failure, Prediction
from sentinode.studies import prediction_study

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Predictions:
    """What a model says of images, in their order. A notebook shows the table."""

    rows: tuple[Prediction, ...]
    failures: tuple[Failure, ...]
    """Images that could not be read or have a wrong size, and why."""
    info: BundleInfo
    """What the bundle says of itself."""

    @property
    def table(self) -> "pd.DataFrame":
        """Columns path, prediction, p_CLASS for each class, confidence, low_confidence, outside: as `predict
        --csv` writes them.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        table: pd.DataFrame = require("pandas", extra="evaluate").DataFrame(
            [row.row() for row in self.rows], columns=self._head
        )
        return table

    @property
    def _head(self) -> list[str]:
        names = (f"p_{name}" for name in self.info.classes.names)
        return ["path", "prediction", *names, "confidence", "low_confidence", "outside"]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.rows)

    def __getitem__(self, place: int) -> Prediction:
        return self.rows[place]

    def __repr__(self) -> str:
        failed = f", {len(self.failures):,} failed" if self.failures else ""
        return f"Predictions({plural(len(self), 'image')} by {self.info.name}{failed})"

    def _repr_html_(self) -> str:
        return html_table(self._head, (list(row.row().values()) for row in self.rows), repr(self))


def predict(
    bundle: str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    resize: bool = False,
    engine: str | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> Predictions:
    """Classify images: class, probability of each class, confidence, whether it is low, and whether the image lies
    outside of what the model was trained on.

    An image that can't be read does not stop the rest: it is listed in `failures`.

    Args:
        bundle: Its folder, or the name of one that is shipped.
        images: Image files, folders or glob patterns, or one of them.
        resize: Accept square images of another size than the model's, and resize them.
        engine: `openvino`, `torch`, or `auto`, the default.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.

    Examples:
        >>> predictions = sn.predict("pcam", "patches/test/*/*.png")
        >>> predictions.table.shape
        (24, 7)
        >>> predictions[0].label in ("normal", "tumour")
        True

    Raises:
        ArgumentError: `bundle` is neither a text nor a path.
        DataError: `images` are no paths.
        DataNotFoundError: An argument stands for no image.
        BundleError: There is no such bundle, or it is damaged.
    """
    named = [images] if isinstance(images, str | Path) else images
    if not isinstance(named, Sequence) or not all(isinstance(name, str | Path) for name in named):
        raise DataError(
            f"{_what_is_no_path(named)}; give paths of files, or for pixels that are in memory "
            "sn.open_engine(bundle).predict(tiles), tiles being uint8 (N, H, W, 3)"
        )
    answers = prediction_study.predict(
        as_text("bundle", bundle, '"pcam"'),
        named,
        resize=resize,
        engine=engine or "auto",
        settings=settings,
        progress=Progress(progress),
    )
    rows = tuple(answers)
    return Predictions(rows, tuple(answers.failures), answers.info)


def _what_is_no_path(images: Any) -> str:
    if not isinstance(images, Sequence):
        return f"images is {type(images).__name__}"
    place, found = next((place, one) for place, one in enumerate(images) if not isinstance(one, str | Path))
    return f"images[{place}] is {'None' if found is None else type(found).__name__}"
