"""Photographs of many sizes, larger than a tile and not square: from images to a bundle that answers alike."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from sentinode.core.errors import DataError, RecipeError
from sentinode.core.images import read_image
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.core.tile_cover import cut
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.models.bundle import open_bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.extractor import open_extractor
from sentinode.models.model_config import ModelConfig
from sentinode.models.prediction import Prediction, predict_images
from sentinode.studies.baselines.baseline_study import compare_with_baselines
from sentinode.studies.crossval import crossval_study as running
from sentinode.studies.crossval.crossval_recipe import AnyCrossvalRecipe, load_crossval_recipe
from sentinode.studies.crossval.crossval_study import run_crossval
from sentinode.studies.evaluation import evaluate_bundle
from sentinode.training.classical.grid_search import TunedModel
from sentinode.training.features.extraction import extract
from sentinode.training.features.feature_config import FeaturesConfig
from sentinode.training.features.feature_table import FeatureTable

SIDE = 32
SIZES = ((75, 55), (48, 65), (32, 32), (100, 33))
MODEL = ModelConfig(architecture="cnn3")
MEAN_AND_MAX = FeaturesConfig(model=MODEL, pool=("mean", "max"))


def _draw(folder: Path, count: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    for number in range(count):
        for label, green in (("normal", 0), ("tumour", 18)):
            colour = rng.normal(150, 12, 3) + np.array([0, green, 0])
            pixels = rng.normal(colour, 15, (*SIZES[number % len(SIZES)], 3)).clip(0, 255).astype(np.uint8)
            (folder / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / label / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photographs of two classes."""
    return _draw(tmp_path_factory.mktemp("photographs"), 12, 0)


@pytest.fixture
def load(settings: Settings) -> Callable[[Path], Dataset]:
    def loaded(folder: Path) -> Dataset:
        config = DataConfig(source=f"folder:{folder}", tile_size=SIDE, split={"fractions": (1, 0, 0)})
        return load_dataset(config, cache=settings.cache, progress=Progress())

    return loaded


Load = Callable[[Path], Dataset]


def _recipe(folder: Path, name: str = "cnn3", *overrides: str) -> AnyCrossvalRecipe:
    quick = [
        *(f"data.tile_size={SIDE}", "features.model.weights=none", 'features.pool=["mean","max"]'),
        *("classifier.grid={C=[1.0]}", "crossval.folds=3", "crossval.repeats=1", "crossval.inner_folds=2"),
        "crossval.permutations=0",
    ]
    return load_crossval_recipe(name, source=f"folder:{folder}", overrides=overrides or quick)


def test_features_are_pooled_over_the_tiles_of_each_image(photographs: Path, settings: Settings, load: Load) -> None:
    data = load(photographs)
    table = extract(MEAN_AND_MAX, data, settings=settings, progress=Progress(), engine="torch")
    extractor = open_extractor(None, MODEL, tile_size=SIDE, engine="torch", threads=1)
    for place, path in enumerate(table.paths):
        tiles = extractor.embed(cut(read_image(Path(path)), SIDE)).embedding
        expected = np.concatenate([tiles.mean(axis=0), tiles.max(axis=0)])
        np.testing.assert_allclose(table.values[place], expected, atol=1e-6)
    half = len(table.columns) // 2
    assert (table.columns[0], table.columns[half]) == ("f0000_mean", "f0000_max")
    assert table.space == extractor.space.pooled(("mean", "max"))
    assert table.space.sha256 not in (extractor.space.sha256, extractor.space.pooled(("mean",)).sha256)


def test_another_way_to_pool_computes_nothing(
    photographs: Path, settings: Settings, load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = load(photographs)
    both = extract(MEAN_AND_MAX, data, settings=settings, progress=Progress(), engine="torch")
    monkeypatch.setattr("sentinode.models.extractor.Extractor.embed", None)
    mean = extract(FeaturesConfig(model=MODEL), data, settings=settings, progress=Progress(), engine="torch")
    np.testing.assert_array_equal(mean.values, both.values[:, : mean.values.shape[1]])
    both.save(tmp_path / "features.parquet")
    assert FeatureTable.load(tmp_path / "features.parquet").space == both.space


def test_descriptors_are_pooled_too(photographs: Path, settings: Settings, load: Load) -> None:
    table = extract(FeaturesConfig(kind="colour"), load(photographs), settings=settings, progress=Progress())
    assert table.values.shape == (24, 25)
    assert table.space.name == f"colour, mean over tiles of {SIDE} px"


def test_predict_and_evaluate_answer_as_the_features_do(
    photographs: Path, tmp_path: Path, settings: Settings, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[TunedModel] = []
    write = running.write_classical_bundle

    def noted(folder: Path, extractor: object, tuned: TunedModel, *args: object, **kwargs: object) -> object:
        fitted.append(tuned)
        return write(folder, extractor, tuned, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(running, "write_classical_bundle", noted)
    run_crossval(_recipe(photographs), tmp_path / "out", engine="torch", settings=settings, progress=Progress())
    bundle = open_bundle(tmp_path / "out" / "bundle")
    assert (bundle.info.input.tile_size, bundle.info.input.pooling) == (SIDE, ("mean", "max"))
    assert bundle.example()["tiles"].shape[1:] == (2 * SIDE, SIDE + SIDE // 2, 3)

    new = _draw(tmp_path / "new", 6, 1)
    table = extract(MEAN_AND_MAX, load(new), settings=settings, progress=Progress(), engine="torch")
    expected = softmax(fitted[0].logits(table.values) / bundle.info.temperature, axis=1)
    assert expected[:, 1].std() > 1e-3
    for name in ("openvino", "torch"):
        engine = open_engine(bundle, name, threads=1)
        answers = [one for one in predict_images(engine, map(Path, table.paths)) if isinstance(one, Prediction)]
        np.testing.assert_allclose([list(one.probabilities.values()) for one in answers], expected, atol=1e-5)

    def measured(out: str, *overrides: str) -> np.ndarray:
        evaluate_bundle(
            *(str(bundle.folder), f"folder:{new}", tmp_path / out),
            **{"split": "all", "overrides": overrides, "settings": settings, "progress": Progress()},
        )
        rows = csv.DictReader((tmp_path / out / "predictions.csv").read_text(encoding="utf-8").splitlines())
        found = {row["id"]: float(row["p_tumour"]) for row in rows}
        return np.array([found[each] for each in table.ids])

    np.testing.assert_allclose(measured("report"), expected[:, 1], atol=1e-5)
    # However the images were packed for evaluating: the bundle has its own tile size.
    np.testing.assert_allclose(measured("again", "data.tile_size=24"), expected[:, 1], atol=1e-5)


def test_what_needs_one_size_says_so(photographs: Path, tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(RecipeError, match=r"data.tile_size = 32 .* leave it out"):
        _recipe(photographs, "demo", f"data.tile_size={SIDE}")
    with pytest.raises(DataError, match="one size"):
        compare_with_baselines(
            f"folder:{photographs}",
            tmp_path / "baselines",
            overrides=[f"data.tile_size={SIDE}"],
            settings=settings,
            progress=Progress(),
        )


def test_pooling_without_tiles_is_refused(patches: Path, settings: Settings) -> None:
    data = load_dataset(DataConfig(source=f"folder:{patches}"), cache=settings.cache, progress=Progress())
    with pytest.raises(DataError, match=r"set data\.tile_size"):
        extract(MEAN_AND_MAX, data, settings=settings, progress=Progress())
