"""From an uploaded image to an answer that is in the log before it is sent."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import atomic_file
from sentinode.models.prediction import decide
from sentinode.serving.metrics import Metrics
from sentinode.serving.model import ServedModel
from sentinode.serving.store.predictions import Predictions
from sentinode.serving.store.tables import now

_NOWHERE = Path()


@dataclass(frozen=True, eq=False)
class Asked:
    """An image that is ready for the model."""

    image: NDArray[np.uint8]
    """(H, W, 3) as the model takes it."""
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

    def run(self, batch: Sequence[Asked]) -> list[dict[str, Any]]:
        """The answers to a batch; when they are returned they are in the log."""
        answers = self._model.probabilities([one.image for one in batch])
        found = [self._answer(probabilities) for probabilities in answers]
        self._log.add([self._row(asked, answer) for asked, answer in zip(batch, found, strict=True)])
        for asked, answer in zip(batch, found, strict=True):
            answer["request_id"] = asked.request_id
            self._metrics.predicted(answer["prediction"], low=answer["low_confidence"])
        return found

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

    def _row(self, asked: Asked, answer: dict[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256(asked.content).hexdigest()
        if self._images is not None:
            path = self._images / digest[:2] / digest
            if not path.exists():
                with atomic_file(path) as temporary:
                    temporary.write_bytes(asked.content)
        return {
            "created": now(),
            "request_id": asked.request_id,
            "image_sha256": digest,
            "image_bytes": len(asked.content),
            "image_width": asked.image.shape[1],
            "image_height": asked.image.shape[0],
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
