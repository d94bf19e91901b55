"""Small labelled images of two or three classes, and the features of an untrained network for them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.models.extractor import Extractor
from sentinode.models.model_config import ModelConfig
from sentinode.training.features.extraction import extract, open_for
from sentinode.training.features.feature_config import FeaturesConfig
from sentinode.training.features.feature_table import FeatureTable

SIDE = 16
NAMES = ("normal", "tumour", "fat")


@dataclass(frozen=True, eq=False)
class Case:
    """Images, their features, and the network that these come from."""

    source: DataConfig
    data: Dataset
    table: FeatureTable
    extractor: Extractor
    settings: Settings


@pytest.fixture(scope="session")
def case_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Case]:
    """Case of so many classes; keywords go over the network's configuration."""
    made: dict[str, Case] = {}

    def case(classes: int, **network: object) -> Case:
        key = f"{classes} {network}"
        if key not in made:
            made[key] = _make(tmp_path_factory.mktemp("case"), classes, network)
        return made[key]

    return case


def _make(folder: Path, classes: int, network: dict[str, object]) -> Case:
    _draw(folder / "images", classes)
    settings = Settings(cache=folder / "cache", threads=1)
    source = DataConfig(source=f"folder:{folder / 'images'}")
    data = load_dataset(source, cache=settings.cache, progress=Progress())
    model = ModelConfig.model_validate({"architecture": "cnn3", "pooling": ["mean", "max"], **network})
    features = FeaturesConfig(model=model)
    table = extract(features, data, settings=settings, progress=Progress(), engine="openvino")
    return Case(source, data, table, open_for(features, SIDE, settings=settings, engine="openvino"), settings)


def _draw(folder: Path, classes: int) -> None:
    """48 images of each class, which differ in their colour, so much that they overlap."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(NAMES[:classes]):
        (folder / name).mkdir(parents=True)
        for image in range(48):
            base = rng.normal(150, 20, 3) + 18 * np.eye(3)[number]
            pixels = rng.normal(base, 15, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{image:02d}.png")
