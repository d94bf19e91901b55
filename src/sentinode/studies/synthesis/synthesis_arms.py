"""The arms of a study of synthesis: the same trainings on real patches, on real and synthetic ones, on these alone."""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.core.progress import Advance
from sentinode.data.dataset import Dataset
from sentinode.data.pack import Pack
from sentinode.models.extractor import Extractor, open_extractor
from sentinode.models.model_config import ModelConfig
from sentinode.studies.label_draws import LabelDraws
from sentinode.studies.study_folder import AnswerFolder, Floats
from sentinode.studies.synthesis.share_generators import ShareGenerators
from sentinode.studies.synthesis.synthesis_protocol import ARMS, MODELS, SynthesisProtocol
from sentinode.studies.trained_answers import answers_after_training
from sentinode.training.recipe import parse_recipe

_WATCHED = 64
"""Images of validation that a training is shown the loss of; nothing is chosen by it."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a training sees in an epoch."""

    tiles: NDArray[np.uint8]
    """(n, S, S, 3): real patches, and after them synthetic ones."""
    labels: NDArray[np.int64]
    """(n,)"""
    times: NDArray[np.int64]
    """(m,) places among these, as often as each is seen."""


@dataclass(frozen=True, eq=False)
class SynthesisArms:
    """Draws, trains and asks, the same way for every seed; answers that are there are not asked for again."""

    path: Path
    draws: LabelDraws
    """Of patches that have the generator's side."""
    protocol: SynthesisProtocol
    generators: ShareGenerators
    weights: str
    """First ones of both models: `imagenet`, or a file."""
    threads: int
    _drawn: dict[tuple[float, int], tuple[NDArray[np.uint8], NDArray[np.int64]]] = field(default_factory=dict)
    """Synthetic patches of the share and seed that were asked for last."""
    _embedded: dict[tuple[float, int], NDArray[np.float32]] = field(default_factory=dict)
    """Their features."""

    def fill(self, seed: int, advance: Advance) -> None:
        """Answer what is missing of a seed."""
        answers = AnswerFolder(self.path)
        for share in self.protocol.shares:
            for model in MODELS:
                for arm in ARMS:
                    question = partial(getattr(self, f"_{model}"), arm, share, seed)
                    answers.ask(_name(model, share, arm, seed), question, advance)

    def read(self, model: str, share: float, arm: str) -> Floats:
        """(S, T): the probability of the positive class of every tested patch, by seed."""
        answers = AnswerFolder(self.path)
        return np.stack([answers.read(_name(model, share, arm, seed)) for seed in self.protocol.seeds])

    def shown(self, arm: str, share: float, seed: int) -> Shown:
        """What an arm sees in an epoch: twice as many as there are patches, or, with half the compute, as many."""
        amount, data = self.protocol.patches, self.draws.data
        chosen = self.draws.labelled(self.protocol, share, seed)
        real, labels = data.images("train")[chosen], data.manifest.labels("train")[chosen]
        if arm in ARMS[:2]:
            return Shown(real, labels, np.resize(np.arange(len(real)), amount * (1 if arm == ARMS[1] else 2)))
        drawn, drawn_labels = self._synthetic(share, seed)
        if arm == ARMS[3]:
            return Shown(drawn, drawn_labels, np.arange(2 * amount))
        return Shown(
            np.concatenate([real, drawn[:amount]]),
            np.concatenate([labels, drawn_labels[:amount]]),
            np.concatenate([np.resize(np.arange(len(real)), amount), len(real) + np.arange(amount)]),
        )

    def _synthetic(self, share: float, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        if (share, seed) not in self._drawn:
            self._drawn.clear()
            self._drawn[share, seed] = self.generators.draw(share, seed)
        return self._drawn[share, seed]

    def _features(self, arm: str, share: float, seed: int) -> Floats:
        """What logistic regression on frozen features says of the tested patches."""
        shown = self.shown(arm, share, seed)
        embedding = self._features_of(arm, share, seed)
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=self.protocol.regularisation, max_iter=2000, random_state=seed)
        )
        model.fit(embedding[shown.times], shown.labels[shown.times])
        return np.asarray(model.predict_proba(self._tested)[:, 1], np.float64)

    def _features_of(self, arm: str, share: float, seed: int) -> NDArray[np.float32]:
        """(n, D) of what an arm is shown, each image once."""
        real = self._real[self.draws.labelled(self.protocol, share, seed)]
        if arm in ARMS[:2]:
            return real
        if (share, seed) not in self._embedded:
            self._embedded.clear()
            self._embedded[share, seed] = self._extractor.embed(self._synthetic(share, seed)[0]).embedding
        drawn = self._embedded[share, seed]
        return drawn if arm == ARMS[3] else np.concatenate([real, drawn[: self.protocol.patches]])

    def _network(self, arm: str, share: float, seed: int) -> Floats:
        """What the network says of the tested patches after it was trained on what the arm sees."""
        protocol, scratch = self.protocol, self.path / ".scratch"
        values: dict[str, Any] = {
            "data": {"source": "study"},
            "model": {"architecture": protocol.network, "weights": self.weights, "input_size": protocol.side},
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
            recipe, lambda: self._training(self.shown(arm, share, seed), scratch), self.draws.data.images("test"),
            scratch, self.threads,
        )  # fmt: skip

    def _training(self, shown: Shown, scratch: Path) -> Dataset:
        """What is shown as a data set, with a little validation; its pixels lie in `scratch`."""
        data, manifest = self.draws.data, self.draws.data.manifest
        table = manifest.table
        watched = table[table["split"] == "validation"].sample(frac=1, random_state=0).head(_WATCHED)
        pixels = data.tiles[watched["row"].to_numpy(np.int64)]
        scratch.mkdir(parents=True)
        np.save(scratch / "tiles.npy", np.concatenate([shown.tiles, pixels]), allow_pickle=False)
        rows = pd.DataFrame(
            {
                "id": [f"shown/{place}" for place in shown.times],
                "label": [manifest.class_names[number] for number in shown.labels[shown.times]],
                "split": "train",
                "row": shown.times,
            }
        )
        watched = watched.assign(row=len(shown.tiles) + np.arange(len(watched)))
        both = pd.concat([rows.reindex(columns=table.columns), watched.astype(object)], ignore_index=True)
        return replace(data, manifest=replace(manifest, table=both), pack=Pack(scratch, f"shown {len(shown.tiles)}"))

    @cached_property
    def _extractor(self) -> Extractor:
        model = ModelConfig(architecture=self.protocol.network, weights=self.weights, input_size=self.protocol.side)
        return open_extractor(None, model, tile_size=self.protocol.side, threads=self.threads)

    @cached_property
    def _real(self) -> NDArray[np.float32]:
        return self._extractor.embed(self.draws.data.images("train")[:]).embedding

    @cached_property
    def _tested(self) -> NDArray[np.float32]:
        return self._extractor.embed(self.draws.data.images("test")[:]).embedding


def answers_of(protocol: SynthesisProtocol) -> int:
    """What a study has to answer."""
    return len(protocol.seeds) * len(protocol.shares) * len(MODELS) * len(ARMS)


def _name(model: str, share: float, arm: str, seed: int) -> str:
    return f"{model}-{share:g}-{arm.replace(' ', '-').replace(',', '')}-seed{seed}"
