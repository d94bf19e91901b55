"""From an uploaded image to an answer that is in the log before it is sent."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import atomic_file
from sentinode.models.prediction import Prediction
from sentinode.serving.predictions.served_model import ServedModel, version_of
from sentinode.serving.protocol.server_metrics import Metrics
from sentinode.store.prediction_log import Predictions
from sentinode.store.tables import now


@dataclass(frozen=True, eq=False)
class Asked:
    """An image for a model."""

    model: ServedModel
    """That answers, whichever is in service by then."""
    image: Callable[[], NDArray[np.uint8]]
    """Gives (H, W, 3) as the model takes it, or raises what is wrong with it; called in a thread."""
    content: bytes
    """The file."""
    request_id: str
    user_name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is told of its image."""

    prediction: Prediction
    model: dict[str, str]
    """`name` and `version`."""
    request_id: str

    def to_json(self) -> dict[str, Any]:
        """The fields of `schemas.PredictionAnswer`."""
        return {**self.prediction.to_json(), "model": self.model, "request_id": self.request_id}


class Predictor:
    """Runs batches: model, log, answers."""

    def __init__(self, log: Predictions, metrics: Metrics, images: Path | None) -> None:
        """`images`: folder in which the uploaded images are kept; None: only their hashes are."""
        self._log, self._metrics, self._images = log, metrics, images

    def run(self, batch: Sequence[Asked]) -> list[Answer | Exception]:
        """The answers to a batch, which are in the log when they are returned; what is no image gets its problem."""
        images = [_image_of(asked) for asked in batch]
        good = [(asked, image) for asked, image in zip(batch, images, strict=True) if not isinstance(image, Exception)]
        if not good:
            return [image for image in images if isinstance(image, Exception)]
        answers = _answers(good)
        created = now()
        self._log.add([self._row(created, *one, answer) for one, answer in zip(good, answers, strict=True)])
        for answer in answers:
            self._metrics.predicted(answer.prediction.label, low=answer.prediction.low_confidence)
        left = iter(answers)
        return [image if isinstance(image, Exception) else next(left) for image in images]

    def _row(self, created: str, asked: Asked, image: NDArray[np.uint8], answer: Answer) -> dict[str, Any]:
        digest = hashlib.sha256(asked.content).hexdigest()
        if self._images is not None:
            path = self._images / digest[:2] / digest
            if not path.exists():
                with atomic_file(path) as temporary:
                    temporary.write_bytes(asked.content)
        return {
            "created": created,
            "request_id": asked.request_id,
            "image_sha256": digest,
            "image_bytes": len(asked.content),
            "image_width": image.shape[1],
            "image_height": image.shape[0],
            "stored": self._images is not None,
            **{name: value for name, value in answer.prediction.to_json().items() if name != "outside"},
            "model_name": answer.model["name"],
            "model_version": answer.model["version"],
            "user_name": asked.user_name,
        }


def _answers(good: Sequence[tuple[Asked, NDArray[np.uint8]]]) -> list[Answer]:
    """By the model that each was asked of: where another was put in service meanwhile, a batch has images of both."""
    found: dict[int, Answer] = {}
    for model in {id(asked.model): asked.model for asked, _ in good}.values():
        rows = [row for row, (asked, _) in enumerate(good) if asked.model is model]
        about = {"name": model.info.name, "version": version_of(model.bundle)}
        said = model.predictions([good[row][1] for row in rows])
        found |= {row: Answer(each, about, good[row][0].request_id) for row, each in zip(rows, said, strict=True)}
    return [found[row] for row in range(len(good))]


def _image_of(asked: Asked) -> NDArray[np.uint8] | Exception:
    try:
        return asked.image()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no fault of the others in the batch
        return error
