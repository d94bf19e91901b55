"""`sentinode study stain` on drawn patches: whole appearances are held out, and a stop costs nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from helpers.stained_patches import stained
from sentinode.cli.main import app
from sentinode.core.errors import DataError, RecipeError, StorageError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import load_dataset
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.studies.stain.stain_arms import ArmRunner
from sentinode.studies.stain.stain_folds import draw_folds
from sentinode.studies.stain.stain_protocol import StainProtocol
from sentinode.studies.stain.stain_study import study_stain

_SMALL = ["patches=96", "folds=2", "seeds=[0]", "epochs=1", "copies=1", "network_side=32"]
_SIDE = 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of many shades; of class 1 the nuclei are denser."""
    root, rng = tmp_path_factory.mktemp("shades"), np.random.default_rng(0)
    for split in ("train", "valid", "test"):
        for label in range(2):
            place = root / split / str(label)
            place.mkdir(parents=True)
            for number in range(20):
                seed = 1000 * ["train", "valid", "test"].index(split) + 100 * label + number
                haematoxylin = (0.6 + rng.uniform(-0.06, 0.06), 0.7, 0.38)
                image = stained(seed, haematoxylin, amounts=(1.3 + 0.6 * label, 1.1), side=_SIDE)
                Image.fromarray(image).save(place / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Random weights of the frozen features' network, as a file."""
    torch.manual_seed(0)
    network = build_network(ModelConfig(architecture="squeezenet1_1"), 2, tile_size=_SIDE)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_file({name: tensor for name, tensor in network.state_dict().items() if "features" in name}, path)
    return str(path)


def _protocol() -> StainProtocol:
    return StainProtocol(patches=96, folds=2, seeds=(0,), epochs=1, copies=1, network_side=32)


def test_no_appearance_is_trained_on_and_tested(folder: Path, settings: Settings) -> None:
    data = load_dataset(DataConfig(source=f"folder:{folder}", positive="1"), cache=settings.cache, progress=SILENT)
    folds = draw_folds(data, _protocol())
    held_out = folds.held_out
    assert held_out.truths.sum() * 2 == len(held_out.truths) == 96
    for number in range(2):
        splits = folds.fold(number, _protocol()).manifest.table["split"].to_numpy()
        assert set(splits) == {"train", "validation", "test"}
        assert not set(folds.groups[splits == "test"]) & set(folds.groups[splits != "test"])
        np.testing.assert_array_equal(splits == "test", folds.folds == number)


def test_a_study_ends_with_a_verdict_on_every_arm(
    folder: Path, weights: str, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, out = f"folder:{folder}", tmp_path / "study"
    asked: list[str] = []
    network = ArmRunner.network

    def stopping(self: ArmRunner, *arguments: object) -> object:
        asked.append("network")
        if len(asked) == 3:
            raise KeyboardInterrupt
        return network(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(ArmRunner, "network", stopping)
        with pytest.raises(KeyboardInterrupt):
            study_stain(address, out, weights=weights, overrides=_SMALL, settings=settings)
    before = {path.name: path.stat().st_mtime_ns for path in (out / "answers").iterdir()}
    assert before
    result = study_stain(address, out, weights=weights, overrides=_SMALL, settings=settings)
    assert {name: (out / "answers" / name).stat().st_mtime_ns for name in before} == before
    written = json.loads((out / "study.json").read_text())
    assert set(written["verdicts"]["frozen features"]) == {"augmentation", "normalisation", "both"}
    assert set(written["models"]) == {"small network, trained", "frozen features", "colour alone"}
    assert not (out / ".scratch").exists()
    page = (out / "study.html").read_text()
    assert "patches = 96" in page
    assert page.count("<figure") == 2
    assert page.count("<table") == 1
    assert "network, trained: AUC without either" in result.summary()
    with pytest.raises(StorageError, match="another protocol or of other data"):
        study_stain(address, out, weights=weights, overrides=[*_SMALL, "epochs=2"], settings=settings)


def test_wrong_keys_and_too_few_images_are_refused(folder: Path, tmp_path: Path, settings: Settings) -> None:
    address = f"folder:{folder}"
    with pytest.raises(RecipeError, match="of the study: unknown key 'patchs'"):
        study_stain(address, tmp_path / "a", overrides=["patchs=3"], settings=settings)
    with pytest.raises(DataError, match="draws 1,000 images of each class, and there are 60"):
        study_stain(address, tmp_path / "b", settings=settings)
    assert not (tmp_path / "b").exists()


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["study", "stain", "--data", f"folder:{tmp_path}", "--out", str(tmp_path / "o")])
    assert ended.exit_code != 0
    assert not (tmp_path / "o").exists()
