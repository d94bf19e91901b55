"""Tiles with what lies around them, from slides to a bundle that scans."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import small_slides
from sentinode.core.errors import BundleError, DataError, RecipeError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import load_dataset
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.data.tiles.tile_sampler import draw_into
from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.models.bundle import open_bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.scan import scan_slide
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.second_looker import second_looker
from sentinode.scanning.tiles_file import read_scanned_tiles
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.context import ContextBlocks, read_with_context
from sentinode.slides.slide import open_slide
from sentinode.studies.evaluation import evaluate_bundle
from sentinode.studies.prediction_study import predict
from sentinode.studies.train_study import train
from sentinode.training.augmentation import Augmentation
from sentinode.training.recipe import load_recipe, parse_recipe
from sentinode.training.training_config import AugmentationConfig

SIZE, MPP = 32, 1.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`slides/`, and `tiles/` that were drawn from them with context. Not to be changed."""
    root = tmp_path_factory.mktemp("context")
    lines = ["slide,label,split"]
    for number, split in enumerate(("train", "train", "validation", "validation", "test", "test")):
        small_slides.write_slide(root / "slides", f"case_{number}", tumour=number % 2 == 1)
        lines.append(f"case_{number},{number % 2},{split}")
    (root / "slides" / "slides.csv").write_text("\n".join(lines))
    config = TilesConfig(size_px=SIZE, mpp=MPP, context=True, per_slide=60)
    draw_into(root / "tiles", list_annotated_slides([root / "slides"], []), config, Progress())
    return root


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return replace(Settings.from_environment(), cache=tmp_path_factory.mktemp("cache"), threads=1)


@pytest.fixture(scope="module")
def run(folder: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("runs") / "run"
    recipe = parse_recipe(_values(folder), "context")
    return train(recipe, out=out, settings=settings)


def _values(folder: Path, **model: Any) -> dict[str, Any]:
    return {
        "name": "context",
        "data": {"source": f"slides:{folder / 'tiles'}", "near_copies": False},
        "model": {"architecture": "cnn3", "context": True, **model},
        "training": {"epochs": 2, "learning_rate": 2e-3, "augmentation": {"flips": True, "quarter_turns": True}},
        "evaluation": {"targets": []},
    }


def test_a_pack_holds_both_and_a_plain_recipe_sees_the_tiles_alone(folder: Path, settings: Settings) -> None:
    config = DataConfig(source=f"slides:{folder / 'tiles'}", near_copies=False)
    data = load_dataset(config, cache=settings.cache, progress=Progress(), context=True)
    pairs = data.inputs(context=True)
    assert pairs.shape[1:] == (2, SIZE, SIZE, 3)
    np.testing.assert_array_equal(data.tiles, pairs[:, 0])
    assert data.inputs(context=False) is data.tiles
    id_ = data.manifest.ids("test")[5]
    name, _, place = id_.partition("/")
    with open_slide(folder / "slides" / f"{name}.tif") as slide:
        expected = read_with_context(slide, ContextBlocks(slide, MPP, SIZE), MPP, *map(int, place.split("_")), SIZE)
    np.testing.assert_array_equal(data.seen_images("test", context=True)[5], expected)
    np.testing.assert_array_equal(data.images("test")[5], expected[0])


def test_a_bundle_scans_and_is_evaluated_on_what_it_was_trained_on(
    run: Any, folder: Path, settings: Settings, tmp_path: Path
) -> None:
    bundle = open_bundle(run.bundle)
    assert bundle.info.input.context
    assert bundle.info.embedding_size == 256
    assert bundle.example()["tiles"].shape[1:] == (2, SIZE, SIZE, 3)
    engine = LazyEngine(bundle, ScanConfig(tissue=None).resolved(bundle.info), 1)
    outcome = scan_slide(engine, folder / "slides" / "case_5.tif", tmp_path, Machine(2))
    assert outcome.record.status == "finished", outcome.record
    tiles = read_scanned_tiles(tmp_path / "case_5")
    assert tiles.spec.context
    with open_slide(folder / "slides" / "case_5.tif") as slide:
        blocks = ContextBlocks(slide, MPP, SIZE)
        read = [
            read_with_context(slide, blocks, MPP, int(x), int(y), SIZE) for x, y in zip(tiles.x0, tiles.y0, strict=True)
        ]
    expected = open_engine(bundle, "openvino").predict(np.stack(read)).probabilities
    np.testing.assert_allclose(tiles.scores, expected, atol=1e-5)
    measured = evaluate_bundle(run.bundle, f"slides:{folder / 'tiles'}", tmp_path / "looked", settings=settings)
    assert measured.metrics["auc"].value == pytest.approx(run.metrics["auc"].value)
    assert run.metrics["auc"].value > 0.9  # purple against pink


def test_what_has_no_context_is_refused_by_name(run: Any, folder: Path, settings: Settings, tmp_path: Path) -> None:
    bundle = open_bundle(run.bundle)
    with pytest.raises(BundleError, match=r"bundle context sees each tile with its context.*single images have none"):
        predict(run.bundle, [folder])
    machine = Machine(1)
    engine = LazyEngine(bundle, ScanConfig().resolved(bundle.info), 1)
    with pytest.raises(BundleError, match="a second look is at tiles of other sizes"):
        second_looker("auto", engine, machine)
    with pytest.raises(DataError, match=r"without context, and model.context = true.*single patches"):
        train(load_recipe("pcam-cpu", source="synthetic:patches?n=66", overrides=["model.context=true"]),
              out=tmp_path / "run", settings=settings)  # fmt: skip
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError, match="these images have no context"):
        evaluate_bundle(run.bundle, "synthetic:patches?n=66", tmp_path / "no", split="all", settings=settings)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stain.normalise", "macenko"),
        ("training.teacher", "bundle:pcam"),
        ("training.augmentation.appearance", "0.5"),
    ],
)
def test_a_recipe_refuses_what_would_see_one_part_only(key: str, value: str) -> None:
    with pytest.raises(RecipeError, match=rf"model.context = true, and {key}"):
        load_recipe("pcam-cpu", source="slides:tiles", overrides=["model.context=true", f"{key}={value}"])


def test_tiles_that_were_drawn_without_it_are_refused(folder: Path, settings: Settings, tmp_path: Path) -> None:
    plain = TilesConfig(size_px=SIZE, mpp=MPP, per_slide=60)
    assert "context" not in plain.model_dump(mode="json")  # so that tiles drawn before keep their key
    annotated = list_annotated_slides([folder / "slides"], [])
    with pytest.raises(DataError, match=r"context = True .now False."):
        draw_into(folder / "tiles", annotated, plain, Progress())
    draw_into(tmp_path / "plain", annotated, plain, Progress())
    wanted = DataConfig(source=f"slides:{tmp_path / 'plain'}", tiles=plain.model_copy(update={"context": True}))
    with pytest.raises(
        DataError, match=r"tiles without context.*sentinode tiles --context`, or name the folder of slides"
    ):
        load_dataset(wanted, cache=settings.cache, progress=Progress())


def test_augmentation_turns_and_colours_both_parts_alike() -> None:
    """The context of a tile here is the tile itself, so both have to come out alike."""
    tiles = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (16, 24, 24, 3)).astype(np.uint8))
    config = AugmentationConfig(
        flips=True, quarter_turns=True, rotation=20, scale=0.2, brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1,
        stain=0.3, gamma=0.2,
    )  # fmt: skip
    torch.manual_seed(1)
    made = Augmentation(config)(torch.stack([tiles, tiles], dim=1))
    assert made.shape == (16, 2, 24, 24, 3)
    torch.testing.assert_close(made[:, 0], made[:, 1])
    assert (made[:, 0] - tiles).abs().mean() > 10
    torch.manual_seed(1)
    sharp = Augmentation(config.model_copy(update={"blur": 2.0, "focus": 0.5, "jpeg": 1.0}))
    degraded = sharp(torch.stack([tiles, tiles], dim=1))
    torch.testing.assert_close(degraded[:, 1], made[:, 1])
    assert not torch.allclose(degraded[:, 0], made[:, 0])
