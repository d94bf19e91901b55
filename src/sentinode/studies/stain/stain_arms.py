"""One arm of a stain study on one fold: trained, calibrated on validation, and asked for the images held out."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.core.progress import SILENT
from sentinode.data.dataset import Dataset
from sentinode.metrics.measures.calibration import fit_temperature
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.extractor import Extractor, open_extractor
from sentinode.models.model_config import ModelConfig
from sentinode.studies.stain.stain_protocol import StainProtocol
from sentinode.training.appearances import find_appearances
from sentinode.training.augmentation import Augmentation
from sentinode.training.features.feature_recipe import named_features
from sentinode.training.network_fit import fit
from sentinode.training.recipe import parse_recipe
from sentinode.training.training_config import AugmentationConfig

_BATCH = 256
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArmRunner:
    """Trains and asks, the same way in every arm."""

    protocol: StainProtocol
    weights: str
    """Of the frozen features: `imagenet`, or a file."""
    threads: int
    side: int
    """Of the images, in pixels."""

    def network(self, data: Dataset, augments: bool, seed: int, folder: Path) -> Floats:
        """(n,): what a small network that is trained on the fold says of the images held out, as a probability."""
        protocol = self.protocol
        values: dict[str, Any] = {
            "data": {"source": "study"},
            "model": {"architecture": protocol.network, "input_size": protocol.network_side},
            "training": {
                "epochs": protocol.epochs,
                "batch_size": protocol.batch_size,
                "learning_rate": protocol.learning_rate,
                "keep": "last",
                "augmentation": self._augmentation(augments).model_dump(),
            },
            "seed": seed,
        }
        recipe = parse_recipe(values, "of the study")
        fitted = fit(recipe, data, folder, threads=self.threads, progress=SILENT)
        assert fitted is not None  # one device
        deployed = DeployedModel(fitted.network, fitted.preprocessing, head=recipe.model.head).eval()
        with torch.inference_mode():
            logits = {
                split: np.concatenate(
                    [
                        deployed.logits(torch.from_numpy(data.images(split)[start : start + _BATCH]))[0].numpy()
                        for start in range(0, len(data.images(split)), _BATCH)
                    ]
                )
                for split in ("validation", "test")
            }
        return self._calibrated(logits["validation"], data.manifest.labels("validation"), logits["test"])

    def features(self, data: Dataset, augments: bool, seed: int) -> Floats:
        """(n,): what logistic regression on frozen features says of the images held out, as a probability."""
        extractor = self._extractor
        tiles, labels = data.images("train")[:], data.manifest.labels("train")
        learned = [extractor.embed(copy).embedding for copy in self._copies(data, tiles, augments, seed)]
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=self.protocol.regularisation, max_iter=2000, random_state=seed)
        ).fit(np.concatenate(learned), np.tile(labels, len(learned)))

        def logits(split: str) -> Floats:
            score = model.decision_function(extractor.embed(data.images(split)[:]).embedding)
            return np.stack([np.zeros_like(score), score], axis=1)

        return self._calibrated(logits("validation"), data.manifest.labels("validation"), logits("test"))

    def _copies(self, data: Dataset, tiles: NDArray[np.uint8], augments: bool, seed: int) -> list[NDArray[np.uint8]]:
        """The training images, as often as the protocol says, each time drawn anew."""
        rows = data.manifest.rows("train")
        found = find_appearances(data.tiles, rows, [""] * len(rows), seed) if augments else None
        augmentation = Augmentation(self._augmentation(augments), found)
        which = None if found is None else torch.from_numpy(found.of_image)
        copies = []
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            for _ in range(self.protocol.copies):
                parts = [
                    augmentation(torch.from_numpy(tiles[part]), None if which is None else which[part])
                    for part in (slice(start, start + _BATCH) for start in range(0, len(tiles), _BATCH))
                ]
                copies.append(torch.cat(parts).round().to(torch.uint8).numpy())
        return copies

    def _augmentation(self, augments: bool) -> AugmentationConfig:
        protocol = self.protocol
        stain = {"stain": protocol.hed, "appearance": protocol.appearance} if augments else {}
        return AugmentationConfig.model_validate({"flips": True, "quarter_turns": True, **stain})

    @cached_property
    def _extractor(self) -> Extractor:
        model = ModelConfig.model_validate({**named_features(self.protocol.features)["model"], "weights": self.weights})
        return open_extractor(None, model, tile_size=self.side, threads=self.threads)

    @staticmethod
    def _calibrated(validation: NDArray[Any], labels: NDArray[np.int64], test: NDArray[Any]) -> Floats:
        temperature = fit_temperature(validation, labels)
        return np.asarray(softmax(test.astype(np.float64) / temperature, axis=1)[:, 1])
