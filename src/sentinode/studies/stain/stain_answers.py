"""The answers of a stain study: a question for each model, arm, seed and fold."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.core.progress import SILENT, Advance
from sentinode.core.stain.optical_density import StainError
from sentinode.core.stain_statistics import stain_statistics
from sentinode.data.colour_baseline import COLOUR_COLUMNS, colour_model
from sentinode.data.dataset import Dataset
from sentinode.data.normalised_images import normalised_copy, training_target
from sentinode.studies.stain.stain_arms import ArmRunner
from sentinode.studies.stain.stain_folds import StainFolds
from sentinode.studies.stain.stain_protocol import ARMS, COLOUR, COLOUR_ARMS, MODELS, StainProtocol
from sentinode.studies.study_folder import AnswerFolder, Floats

_SPLITS = ("train", "validation", "test")
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What a fold leaves beside its answers."""

    kept: Counter[str]
    """Images that stayed as they are, by reason."""
    before: NDArray[np.uint8]
    """(n, H, W, 3) some images held out."""
    after: NDArray[np.uint8]
    """The same, normalised."""


@dataclass(frozen=True, eq=False)
class StainAnswers:
    """Where the answers of a study are kept, and who answers what is missing."""

    path: Path
    folds: StainFolds
    runner: ArmRunner

    def fill(self, number: int, advance: Advance) -> FoldResult:
        """Answer what is missing of a fold.

        Raises:
            DataError: The stain of its training images can't be told.
        """
        protocol, plain = self.runner.protocol, self.folds.fold(number, self.runner.protocol)
        try:
            target = training_target(plain, protocol.method)
        except StainError as error:
            raise DataError(f"the training images have {error.reason}; this study needs H&E") from error
        scratch = self.path / ".scratch"
        try:
            with normalised_copy(plain, target, scratch, SILENT, _SPLITS) as (normalised, kept):
                for data, arms, colour_arm in ((plain, ARMS[:2], 0), (normalised, ARMS[2:], 1)):
                    name = _name(COLOUR, COLOUR_ARMS[colour_arm], 0, number)
                    self._answers.ask(name, partial(_colour, data), advance)
                    for arm in arms:
                        self._fill_arm(data, arm, number, scratch, advance)
                chosen = np.linspace(0, len(plain.images("test")) - 1, _SHOWN).round().astype(int)
                return FoldResult(kept, plain.images("test")[chosen], normalised.images("test")[chosen])
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def read(self, model: str, arm: str, seeds: Sequence[int]) -> Floats:
        """(S, N): the probability of the positive class of every image, by seed."""
        out = np.empty((len(seeds), len(self.folds.folds)))
        for row, seed in enumerate(seeds):
            for number in range(self.runner.protocol.folds):
                out[row, self.folds.folds == number] = self._answers.read(_name(model, arm, seed, number))
        return out

    def _fill_arm(self, data: Dataset, arm: str, number: int, scratch: Path, advance: Advance) -> None:
        for model in MODELS:
            for seed in self.runner.protocol.seeds:
                augments = arm in ("augmentation", "both")
                question = partial(self.runner.features, data, augments, seed)
                if model == "network":
                    question = partial(self.runner.network, data, augments, seed, scratch / "run")
                self._answers.ask(_name(model, arm, seed, number), question, advance)
                shutil.rmtree(scratch / "run", ignore_errors=True)

    @property
    def _answers(self) -> AnswerFolder:
        return AnswerFolder(self.path)


def cells_of(protocol: StainProtocol) -> int:
    """How many answers a study has."""
    return protocol.folds * (len(MODELS) * len(ARMS) * len(protocol.seeds) + len(COLOUR_ARMS))


def _name(model: str, arm: str, seed: int, fold: int) -> str:
    return f"{model}-{arm}-seed{seed}-fold{fold}"


def _colour(data: Dataset) -> Floats:
    """(n,): what colour alone says of the images held out."""
    features = {split: stain_statistics(data.images(split)[:])[:, : len(COLOUR_COLUMNS)] for split in _SPLITS}
    labels = {split: data.manifest.labels(split) for split in _SPLITS}
    model = colour_model().fit(
        np.concatenate([features["train"], features["validation"]]),
        np.concatenate([labels["train"], labels["validation"]]),
    )
    return np.asarray(model.predict_proba(features["test"])[:, 1])
