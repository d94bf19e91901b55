"""From an uploaded image to an answer that is in the log before it is sent."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import atomic_file
from sentinode.models.prediction import decide
from sentinode.serving.served_model import ServedModel
from sentinode.serving.server_metrics import Metrics
from sentinode.serving.store.prediction_log import Predictions
from sentinode.serving.store.tables import now

_NOWHERE = Path()


@dataclass(frozen=True, eq=False)
class Asked:
    """An image for the model."""

    image: Callable[[], NDArray[np.uint8]]
    """Gives (H, W, 3) as the model takes it, or raises what is wrong with it; called in a thread."""
    content: bytes
    """The file."""
    request_id: str
    user_name: str


class Predictor:
    """Runs batches: model, log, answers."""

    def __init__(self, model: ServedModel, log: Predictions, metrics: Metrics, images: Path | None) -> None:
        """`images`: folder in which the uploaded images are kept; None: only their hashes are."""
        self._model, self._log, self._metrics, self._images = model, log, metrics, images
        info = model.info
        self._threshold = info.threshold.value if info.threshold else None
        self._about = {"name": info.name, "version": model.version}

    def run(self, batch: Sequence[Asked]) -> list[dict[str, Any] | Exception]:
        """The answers to a batch, which are in the log when they are returned; what is no image gets its problem."""
        images = [_image_of(asked) for asked in batch]
        good = [(asked, image) for asked, image in zip(batch, images, strict=True) if not isinstance(image, Exception)]
        if not good:
            return [image for image in images if isinstance(image, Exception)]
        answers = [self._answer(each) for each in self._model.probabilities([image for _, image in good])]
        created = now()
        self._log.add([self._row(created, *one, answer) for one, answer in zip(good, answers, strict=True)])
        for (asked, _), answer in zip(good, answers, strict=True):
            answer["request_id"] = asked.request_id
            self._metrics.predicted(answer["prediction"], low=answer["low_confidence"])
        left = iter(answers)
        return [image if isinstance(image, Exception) else next(left) for image in images]

    def _answer(self, probabilities: NDArray[np.float32]) -> dict[str, Any]:
        info = self._model.info
        decided = decide(_NOWHERE, probabilities, info)
        return {
            "prediction": decided.label,
            "confidence": decided.confidence,
            "probabilities": dict(zip(info.classes.names, decided.probabilities, strict=True)),
            "model": self._about,
            "threshold": self._threshold,
            "low_confidence": decided.low_confidence,
        }

    def _row(self, created: str, asked: Asked, image: NDArray[np.uint8], answer: dict[str, Any]) -> dict[str, Any]:
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
            "prediction": answer["prediction"],
            "confidence": answer["confidence"],
            "probabilities": answer["probabilities"],
            "low_confidence": answer["low_confidence"],
            "threshold": answer["threshold"],
            "model_name": self._about["name"],
            "model_version": self._about["version"],
            "user_name": asked.user_name,
        }


def _image_of(asked: Asked) -> NDArray[np.uint8] | Exception:
    try:
        return asked.image()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no fault of the others in the batch
        return error
