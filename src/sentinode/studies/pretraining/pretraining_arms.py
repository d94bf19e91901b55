"""The arms of a study of pretraining: the same trainings, from two kinds of first weights."""

import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.core.progress import SILENT, Advance
from sentinode.models.extractor import open_extractor
from sentinode.models.model_config import BUNDLE_PREFIX, ModelConfig
from sentinode.models.pretrained_bundle import is_pretrained_bundle
from sentinode.studies.label_draws import LabelDraws
from sentinode.studies.pretraining.pretraining_protocol import ARMS, MODELS, PretrainingProtocol
from sentinode.studies.study_folder import AnswerFolder, Floats
from sentinode.studies.trained_answers import answers_after_training
from sentinode.training.pretraining.pretrained_facts import write_pretrained
from sentinode.training.pretraining.pretraining_fit import pretrain_network
from sentinode.training.pretraining.pretraining_images import images_of_dataset
from sentinode.training.recipe import parse_recipe


@dataclass(frozen=True, eq=False)
class PretrainingArms:
    """Pretrains, trains and asks, the same way for every seed; answers that are there are not asked for again."""

    path: Path
    draws: LabelDraws
    protocol: PretrainingProtocol
    weights: str
    """First ones of both arms: `imagenet`, or a file."""
    threads: int
    _embedded: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Of the weights that were asked last: of the training patches and then of those tested."""

    def fill(self, seed: int, advance: Advance) -> None:
        """Answer what is missing of a seed."""
        answers = AnswerFolder(self.path)
        for arm in ARMS:
            for share in self.protocol.shares:
                for model in MODELS:
                    question = partial(getattr(self, f"_{model}"), arm, share, seed)
                    answers.ask(self._name(model, share, arm, seed), question, advance)
        advance()

    def read(self, model: str, share: float, arm: str) -> Floats:
        """(S, T): the probability of the positive class of every tested patch, by seed."""
        answers = AnswerFolder(self.path)
        return np.stack([answers.read(self._name(model, share, arm, seed)) for seed in self.protocol.seeds])

    @staticmethod
    def _name(model: str, share: float, arm: str, seed: int) -> str:
        return f"{model}-{share:g}-{arm}-seed{seed}"

    def _weights(self, arm: str, seed: int) -> str:
        """First weights of an arm; pretraining is done now unless it was before."""
        if arm == ARMS[0]:
            return self.weights
        folder = self.path / "pretrained" / f"seed{seed}"
        if not is_pretrained_bundle(folder / "bundle"):
            recipe = self.protocol.pretraining(self.weights, seed)
            images = images_of_dataset(self.draws.data, recipe, "the study's training patches", labels=False)
            done = pretrain_network(recipe, images, folder, threads=self.threads, progress=SILENT)
            write_pretrained(recipe, images, done, folder / "bundle")
            shutil.rmtree(folder / "checkpoints")
        return f"{BUNDLE_PREFIX}{folder / 'bundle'}"

    def _features(self, arm: str, share: float, seed: int) -> Floats:
        """What logistic regression on frozen features says of the tested patches."""
        data, weights = self.draws.data, self._weights(arm, seed)
        if weights not in self._embedded:
            model = ModelConfig(
                architecture=self.protocol.network, weights=weights, input_size=self.protocol.network_side
            )
            extractor = open_extractor(None, model, tile_size=data.tiles.shape[1], threads=self.threads)
            self._embedded.clear()
            self._embedded[weights] = np.concatenate(
                [extractor.embed(data.images(split)[:]).embedding for split in ("train", "test")]
            )
        train, test = np.split(self._embedded[weights], [len(data.manifest.rows("train"))])
        chosen = self.draws.labelled(self.protocol, share, seed)
        model_ = make_pipeline(StandardScaler(), LogisticRegression(C=self.protocol.regularisation, max_iter=2000))
        model_.fit(train[chosen], data.manifest.labels("train")[chosen])
        return np.asarray(model_.predict_proba(test)[:, 1], np.float64)

    def _network(self, arm: str, share: float, seed: int) -> Floats:
        """What the network says of the tested patches after it was trained on the labelled ones."""
        protocol, scratch = self.protocol, self.path / ".scratch"
        values: dict[str, Any] = {
            "data": {"source": "study"},
            "model": {
                "architecture": protocol.network,
                "weights": self._weights(arm, seed),
                "input_size": protocol.network_side,
            },
            "training": {
                "epochs": protocol.epochs,
                "batch_size": protocol.batch_size,
                "learning_rate": protocol.learning_rate,
                "keep": "last",
                "augmentation": {"flips": True, "quarter_turns": True},
            },
            "seed": seed,
        }
        recipe = parse_recipe(values, "of the study")
        return answers_after_training(
            recipe, lambda: self.draws.training(protocol, share, seed), self.draws.data.images("test"), scratch,
            self.threads,
        )  # fmt: skip


def answers_of(protocol: PretrainingProtocol) -> int:
    """What a study has to do: its answers, and one pretraining a seed."""
    return len(protocol.seeds) * (len(ARMS) * len(MODELS) * len(protocol.shares) + 1)
