"""Shuffled labels with a copy of every image: whoever remembers pictures must not be better than a coin."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.synthetic.patches import SyntheticPatches
from sentinode.metrics.measures.roc import auc
from sentinode.studies.crossval.crossval_config import CrossvalConfig
from sentinode.studies.crossval.crossval_data import copies_words, load_images, samples_of
from sentinode.studies.crossval.folds import Samples, plan_folds

_SEEDS = 20
_PATCHES = 60


def _jpeg(tile: np.ndarray, quality: int = 75) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(tile)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _inner(tile: np.ndarray, down: int = 0, across: int = 0) -> np.ndarray:
    return tile[4 + down : 92 + down, 4 + across : 92 + across]


_COPIES = {
    "recompressed": lambda tile: _jpeg(_inner(tile)),
    "turned": lambda tile: np.rot90(_inner(tile)),
    "mirrored": lambda tile: _inner(tile)[:, ::-1],
    "shifted": lambda tile: _inner(tile, 3, -2),
    "all of it": lambda tile: _jpeg(np.rot90(_inner(tile, -2, 3)[::-1]), 60),
}


def _looks(paths: list[str]) -> np.ndarray:
    """Mean and spread of colour, which a copy shares."""
    tiles = np.stack([np.asarray(Image.open(path), np.float64) for path in paths])
    features = np.concatenate([tiles.mean(axis=(1, 2)), tiles.std(axis=(1, 2))], axis=1)
    return (features - features.mean(axis=0)) / features.std(axis=0)


def _nearest_neighbour_auc(samples: Samples, looks: np.ndarray, seed: int) -> float:
    scores = np.empty(len(samples.labels))
    for fold in plan_folds(samples, CrossvalConfig(folds=5, repeats=1), seed):
        distance = np.linalg.norm(looks[fold.test][:, None] - looks[fold.train][None], axis=2)
        scores[fold.test] = samples.labels[fold.train][distance.argmin(axis=1)]
    return auc(samples.labels, scores)


@pytest.mark.parametrize("how", _COPIES)
def test_copies_and_shuffled_labels_give_no_better_than_chance(how: str, tmp_path: Path, settings: Settings) -> None:
    source = SyntheticPatches({"n": "200", "seed": "8"})
    for number in range(_PATCHES):
        tile = source.read(number)
        for name, pixels in ((f"{number:02d}", _inner(tile)), (f"{number:02d}copy", _COPIES[how](tile))):
            path = tmp_path / "d" / ("tumour" if number % 2 else "normal") / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    config = DataConfig(source=f"folder:{tmp_path / 'd'}")
    data = load_images(config, CrossvalConfig(), settings=settings, progress=Progress())
    samples, looks = samples_of(data), _looks(data.manifest.paths("train"))
    assert samples.groups is not None
    assert len(copies_words(data)) == 1
    picture = np.array([int(Path(name).name[:2]) for name in samples.ids])
    tied, untied = [], []
    for seed in range(_SEEDS):
        labels = np.random.default_rng(seed).permutation(np.arange(_PATCHES) % 2)[picture]
        shuffled = replace(samples, labels=labels)
        tied.append(_nearest_neighbour_auc(shuffled, looks, seed))
        untied.append(_nearest_neighbour_auc(replace(shuffled, groups=None), looks, seed))
    assert abs(np.mean(tied) - 0.5) <= 0.05
    assert np.mean(untied) > 0.75  # what a copy in another fold would give
