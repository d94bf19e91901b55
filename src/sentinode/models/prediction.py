"""Classifying image files with a bundle, as a stream: any number of files, a bounded number of them in memory."""

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.decision import decide
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.images import IMAGE_SUFFIXES, read_image
from sentinode.core.system_files import is_system_file, lies_in_system_folder
from sentinode.models.bundle_info import BundleInfo
from sentinode.models.engines.engine import PHOTOGRAPHS, Engine
from sentinode.models.novelty import TrainingRange

_BATCH = 256
_READERS = 4  # threads; decoding lets go of the interpreter, and more of them wait for the disk


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image, wherever it is asked: from Python, on the command line, over HTTP."""

    label: str
    """The predicted class: for two classes the positive one when its probability reaches the threshold, otherwise
    the likeliest."""
    probabilities: dict[str, float]
    """Probability of each class, in the bundle's order."""
    confidence: float
    """Probability of the predicted class."""
    low_confidence: bool
    """Whether the answer lies in the band that was set on validation; look at the image."""
    threshold: float | None
    """What decided; None for more than two classes."""
    path: Path | None = None
    """The image's file, where it comes from one."""
    outside: tuple[str, ...] | None = None
    """In what the image lies outside of what the model was trained on (see `models.novelty`): doubt the answer. None:
    the bundle knows too little of that, or nobody asked."""

    @classmethod
    def of(
        cls,
        probabilities: NDArray[np.float32],
        info: BundleInfo,
        path: Path | None = None,
        outside: tuple[str, ...] | None = None,
    ) -> Self:
        """What (classes,) probabilities say of an image, by the bundle's threshold and low-confidence band."""
        names = info.classes.names
        positive = None if info.classes.positive is None else names.index(info.classes.positive)
        threshold = None if info.threshold is None else info.threshold.value
        decision = decide(probabilities, positive, threshold, info.low_confidence)
        return cls(
            label=names[int(decision.classes)],
            probabilities=dict(zip(names, probabilities.tolist(), strict=True)),
            confidence=float(decision.confidences),
            low_confidence=bool(decision.low_confidence),
            threshold=threshold,
            path=path,
            outside=outside,
        )

    def to_json(self) -> dict[str, Any]:
        """`{prediction, confidence, probabilities: {class: p}, threshold, low_confidence, outside: […]}`, as the server
        answers.
        """
        return {
            "prediction": self.label,
            "confidence": self.confidence,
            "probabilities": self.probabilities,
            "threshold": self.threshold,
            "low_confidence": self.low_confidence,
            "outside": None if self.outside is None else list(self.outside),
        }

    def row(self) -> dict[str, Any]:
        """`{path, prediction, p_CLASS …, confidence, low_confidence, outside}`: a row of a table of images."""
        return {
            "path": str(self.path or ""),
            "prediction": self.label,
            **{f"p_{name}": value for name, value in self.probabilities.items()},
            "confidence": self.confidence,
            "low_confidence": self.low_confidence,
            "outside": "unknown" if self.outside is None else " ".join(self.outside),
        }


@dataclass(frozen=True)
class Failure:
    """An image that could not be classified, and why."""

    path: Path
    message: str


def predict_images(
    engine: Engine,
    paths: Iterable[Path],
    *,
    resize: bool = False,
    batch: int = _BATCH,
    known: TrainingRange | None = None,
) -> Iterator[Prediction | Failure]:
    """Classify image files, one answer for each, in their order; one that can't be read does not stop the rest.

    Args:
        engine: From `open_engine`.
        paths: Image files.
        resize: Resize square images of another size than the model's tiles, instead of refusing them. A model that
            takes images of any size, from that of a tile on, resizes none.
        batch: Images that the engine gets at a time, fewer where they may be large; as many more are read meanwhile.
        known: What the bundle was trained on; None: no answer says whether its image is like that.
    """
    batch = min(batch, PHOTOGRAPHS) if engine.info.input.pooling else batch
    for part, read in _read_ahead(paths, engine, resize=resize, batch=batch):
        images = [tile for tile in read if not isinstance(tile, Failure)]
        scores = engine.scores(images)
        outside = known.outside(images, scores.embedding) if known else [None] * len(images)
        answers = iter(zip(scores.probabilities, outside, strict=True))
        for path, tile in zip(part, read, strict=True):
            if isinstance(tile, Failure):
                yield tile
                continue
            probabilities, far = next(answers)
            yield Prediction.of(probabilities, engine.info, path, far)


def _read_ahead(
    paths: Iterable[Path], engine: Engine, *, resize: bool, batch: int
) -> Iterator[tuple[list[Path], list[NDArray[np.uint8] | Failure]]]:
    """The files in batches, in their order; the next batch is read while the caller works on this one."""
    rest = iter(paths)
    with ThreadPoolExecutor(_READERS) as pool:

        def start() -> tuple[list[Path], list[Future[NDArray[np.uint8] | Failure]]]:
            part = list(islice(rest, batch))
            return part, [pool.submit(read_tile, path, engine, resize=resize) for path in part]

        coming = start()
        while coming[0]:
            (part, reading), coming = coming, start()
            yield part, [one.result() for one in reading]


def expand_images(arguments: Sequence[str]) -> list[Path]:
    """The image files that arguments of a command line stand for, in their order, each once.

    Args:
        arguments: Files, folders (searched with all that is below them), or glob patterns; what a folder or a pattern
            holds is sorted as people sort: `tile2` before `tile10`.

    Raises:
        DataNotFoundError: An argument stands for nothing.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        path = Path(argument).expanduser()
        if path.is_dir():
            inside = (file for file in path.rglob("*") if not lies_in_system_folder(file, path))
            images = sorted(filter(_is_image, inside), key=_natural)
            if not images:
                endings = ", ".join(sorted(IMAGE_SUFFIXES))
                raise DataNotFoundError(f"folder {path} holds no image ({endings}); check the path")
        elif path.exists():
            images = [path]
        else:
            matches = map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207 - pathlib has no absolute patterns
            images = sorted((file for file in matches if _is_image(file) and _is_meant(file, path)), key=_natural)
            if not images:
                raise DataNotFoundError(f"{argument} is no image, no folder, and no pattern that matches an image")
        found.update(dict.fromkeys(images))
    return list(found)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _is_meant(path: Path, pattern: Path) -> bool:
    """Whether each part of a match is a user's own, or was written out in the pattern."""
    return not any(is_system_file(part) for part in path.parts if part not in pattern.parts)


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in parts]


def read_tile(path: Path, engine: Engine, *, resize: bool) -> NDArray[np.uint8] | Failure:
    """The image at `path` as (H, W, 3) uint8, or why the model can't take it; arguments of `predict_images`."""
    try:
        return fitted(read_image(path), str(path), engine, resize=resize)
    except DataError as error:
        return Failure(path, str(error))


def fitted(
    image: NDArray[np.uint8], name: str, engine: Engine, *, resize: bool, ask: str = "pass --resize"
) -> NDArray[np.uint8]:
    """An image as the engine takes it: of the tile size, or of any size where the bundle pools.

    Args:
        image: (H, W, 3) uint8, RGB.
        name: For messages.
        engine: From `open_engine`.
        resize: Resize square images of another size, instead of refusing them.
        ask: For messages: how to ask for that.

    Raises:
        DataError: Its size does not suit.
    """
    if engine.info.input.pooling:
        try:
            engine.check_shape((1, *image.shape))
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        return image
    size = engine.info.input.tile_size
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    if not resize:
        remedy = f"cut tiles of {size}×{size} px, or {ask}" if height == width else "cut square tiles"
        raise DataError(f"{name} is {width}×{height} px, the model takes {size}×{size}; {remedy}")
    if height != width:
        raise DataError(f"{name} is {width}×{height} px, which resizing to {size}×{size} would distort; crop it")
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR), dtype=np.uint8)
