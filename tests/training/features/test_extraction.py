"""From a data set to its table of features: right, cached, and resumed after any interruption."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sentinode.core.errors import DataError, WeightsError
from sentinode.core.images import read_image
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.models.extractor import Embedded, Extractor
from sentinode.models.model_config import ModelConfig
from sentinode.training.features import extraction
from sentinode.training.features.descriptors import DESCRIPTORS, columns_of
from sentinode.training.features.extraction import extract, open_for
from sentinode.training.features.feature_config import FeaturesConfig

CNN = FeaturesConfig(model=ModelConfig(architecture="cnn3"))
COLOUR = FeaturesConfig(kind="colour")


@pytest.fixture
def data(patches: Path, settings: Settings) -> Dataset:
    """240 patches of 24 px in train, validation and test."""
    return load_dataset(DataConfig(source=f"folder:{patches}"), cache=settings.cache, progress=Progress())


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tiles each call of the network gets; each call is slow enough for the next not to be larger."""
    calls: list[int] = []
    real = Extractor.embed

    def embed(self: Extractor, tiles: np.ndarray) -> Embedded:
        calls.append(len(tiles))
        return real(self, tiles)

    monkeypatch.setattr(Extractor, "embed", embed)
    monkeypatch.setattr(extraction, "_STEP_SECONDS", 0.0)
    monkeypatch.setattr(extraction, "_SHARD_SECONDS", -1.0)
    return calls


Extract = Callable[..., Any]


@pytest.fixture
def run(data: Dataset, settings: Settings) -> Extract:
    def extracted(config: FeaturesConfig = CNN, of: Dataset = data, **options: Any) -> Any:
        # torch, unless a test says otherwise: exporting a graph takes seconds.
        return extract(config, of, settings=settings, progress=Progress(), **{"engine": "torch", **options})

    return extracted


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_each_row_is_its_image_s(run: Extract, data: Dataset, settings: Settings, engine: str) -> None:
    table = run(engine=engine)
    manifest = data.manifest.table
    assert table.ids == manifest["id"].tolist()
    assert table.paths == manifest["path"].tolist()
    assert table.splits == manifest["split"].tolist()
    assert [table.class_names[label] for label in table.labels] == manifest["label"].tolist()
    assert (table.positive, table.groups, table.probabilities) == ("tumour", None, None)
    assert table.data_sha256 == data.manifest.hash
    assert table.columns[:2] == ("f0000", "f0001")
    chosen = [0, 17, 239]
    tiles = np.stack([read_image(Path(table.paths[place])) for place in chosen])
    alone = open_for(CNN, 24, settings=settings).embed(tiles).embedding
    np.testing.assert_allclose(table.values[chosen], alone, atol=1e-4)


@pytest.mark.parametrize("kind", ["pixels", "colour", "texture"])
def test_descriptors_are_the_same_with_many_threads(kind: str, data: Dataset, tmp_path: Path) -> None:
    table = extract(
        FeaturesConfig.model_validate({"kind": kind}),
        data,
        settings=Settings(cache=tmp_path / "other", threads=3),
        progress=Progress(),
    )
    expected = DESCRIPTORS[kind](data.tiles[data.manifest.table["row"].to_numpy()])
    np.testing.assert_allclose(table.values, expected, rtol=1e-5)
    assert table.columns == columns_of(kind)
    assert table.space.kind == kind


def test_a_bundle_gives_scores_too(data: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Embedded(np.ones((240, 4), np.float32), np.full((240, 2), 0.5, np.float32))

    class Fake:
        space = extraction.space_of("colour", 24)
        embedding_size = 4
        score_names = ("a", "b")

        def embed(self, tiles: np.ndarray) -> Embedded:
            return Embedded(*(part[: len(tiles)] for part in answers if part is not None))

    monkeypatch.setattr(extraction, "open_for", lambda *_args, **_more: Fake())
    for _ in range(2):  # computed, and from the cache
        table = extract(FeaturesConfig(bundle="some"), data, settings=settings, progress=Progress())
        assert table.score_names == ("a", "b")
        np.testing.assert_array_equal(table.probabilities, answers.probabilities)


def test_nothing_is_computed_twice(run: Extract, counted: list[int]) -> None:
    first = run()
    assert sum(counted) == 240
    counted.clear()
    second = run()
    assert counted == []
    np.testing.assert_array_equal(first.values, second.values)


def test_another_split_of_the_same_images_is_in_the_cache(run: Extract, counted: list[int], data: Dataset) -> None:
    first = run()
    counted.clear()
    shuffled = data.manifest.table.sample(frac=1, random_state=0).assign(split="train").reset_index(drop=True)
    again = run(of=replace(data, manifest=replace(data.manifest, table=shuffled)))
    assert counted == []
    assert set(again.splits) == {"train"}
    place = [first.ids.index(name) for name in again.ids]
    np.testing.assert_array_equal(again.values, first.values[place])


def test_other_weights_or_images_are_not(run: Extract, counted: list[int], data: Dataset) -> None:
    run()
    counted.clear()
    run(FeaturesConfig(model=ModelConfig(architecture="cnn3", pooling=("max",))))
    part = data.manifest.table.head(100)
    run(of=replace(data, manifest=replace(data.manifest, table=part)))
    assert sum(counted) == 340


def test_identical_images_are_computed_once(tmp_path: Path, settings: Settings, counted: list[int]) -> None:
    for number, seed in enumerate([0, 1, 2, 0, 0]):
        path = tmp_path / "data" / "train" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    config = DataConfig(source=f"folder:{tmp_path / 'data'}", positive="b", split={"fractions": (1, 0, 0)})
    data = load_dataset(config.model_copy(update={"on_conflict": "drop"}), cache=settings.cache, progress=Progress())
    twice = data.manifest.table.loc[[0, 1, 0]].reset_index(drop=True)
    table = extract(
        CNN, replace(data, manifest=replace(data.manifest, table=twice)), settings=settings, progress=Progress()
    )
    assert sum(counted) == 2
    np.testing.assert_array_equal(table.values[0], table.values[2])
    assert np.abs(table.values[0] - table.values[1]).max() > 0


def test_a_killed_extraction_goes_on_where_it_was(
    run: Extract, counted: list[int], settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = run()
    shards = sorted((settings.cache / "features").rglob("*.npz"))
    steps = list(counted)
    assert len(shards) == len(steps) >= 3
    shards[-1].unlink()  # never written
    shards[-2].write_bytes(shards[-2].read_bytes()[:100])  # damaged by a power cut
    counted.clear()
    again = run()
    assert sum(counted) == sum(steps[-2:])
    np.testing.assert_allclose(again.values, whole.values, atol=1e-6)
    assert not list(settings.cache.rglob("*.partial"))


def test_an_interruption_loses_only_the_last_step(run: Extract, counted: list[int], monkeypatch: Any) -> None:
    real = Extractor.embed

    def interrupted(self: Extractor, tiles: np.ndarray) -> Embedded:
        if sum(counted) >= 64:
            raise KeyboardInterrupt
        return real(self, tiles)

    with monkeypatch.context() as patch:
        patch.setattr(Extractor, "embed", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run()
    before = sum(counted)
    assert 64 <= before < 240
    counted.clear()
    run()
    assert sum(counted) == 240 - before


def test_damaged_weights_are_noticed(run: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Extractor, tiles: np.ndarray) -> Embedded:
        return Embedded(np.full((len(tiles), 128), np.nan, np.float32), None)

    monkeypatch.setattr(Extractor, "embed", broken)
    with pytest.raises(WeightsError, match="numbers that are not finite"):
        run()


def test_images_that_are_not_square_are_refused(tmp_path: Path, settings: Settings) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / "train" / name).mkdir(parents=True)
        pixels = np.random.default_rng(len(name) + ord(name)).integers(0, 256, (20, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / "train" / name / "1.png")
    config = DataConfig(source=f"folder:{tmp_path / 'data'}", positive="b", split={"fractions": (1, 0, 0)})
    data = load_dataset(config, cache=settings.cache, progress=Progress())
    with pytest.raises(DataError, match=r"30×20 px.*square"):
        extract(COLOUR, data, settings=settings, progress=Progress())


def test_a_descriptor_has_no_network(settings: Settings) -> None:
    with pytest.raises(DataError, match=r"'colour'.*no network"):
        open_for(COLOUR, 24, settings=settings)
