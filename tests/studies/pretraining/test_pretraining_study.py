"""`sentinode study pretraining` on drawn patches: the same labels and steps in both arms, and a stop costs nothing."""

import json
from pathlib import Path

import pytest

from sentinode.core.errors import DataError, RecipeError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import load_dataset
from sentinode.studies.label_draws import draw_patches
from sentinode.studies.pretraining.pretraining_arms import PretrainingArms
from sentinode.studies.pretraining.pretraining_protocol import PretrainingProtocol
from sentinode.studies.pretraining.pretraining_study import study_pretraining

_SMALL = [
    "patches=40", "tested=40", "shares=[0.1, 1.0]", "seeds=[0, 1]", "steps=3", "pretraining_batch=16",
    "network=cnn3", "network_side=16",
]  # fmt: skip


def test_labels_are_half_of_each_class_and_an_epoch_has_as_many_images_at_every_share(
    patches: Path, settings: Settings
) -> None:
    protocol = PretrainingProtocol(patches=40, tested=40, shares=(0.1, 1.0))
    data = load_dataset(DataConfig(source=f"folder:{patches}"), cache=settings.cache, progress=SILENT)
    draws = draw_patches(data, protocol)
    tested = set(draws.data.manifest.table.loc[draws.data.manifest.table["split"] == "test", "id"])
    for share, labels in ((0.1, 4), (1.0, 40)):
        table = draws.training(protocol, share, seed=1).manifest.table
        train = table[table["split"] == "train"]
        assert len(train) == 40
        assert train["id"].nunique() == labels
        assert sorted(train.drop_duplicates("id")["label"].value_counts()) == [labels // 2] * 2
        assert not set(train["id"]) & tested
    assert len(tested) == 40
    assert set(draws.labelled(protocol, 0.1, 0)) != set(draws.labelled(protocol, 0.1, 1))


def test_a_study_ends_with_a_verdict_at_every_share(
    patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, out = f"folder:{patches}", tmp_path / "study"
    asked: list[str] = []
    network = PretrainingArms._network

    def stopping(self: PretrainingArms, arm: str, share: float, seed: int) -> object:
        asked.append(arm)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return network(self, arm, share, seed)

    with monkeypatch.context() as patched:
        patched.setattr(PretrainingArms, "_network", stopping)
        with pytest.raises(KeyboardInterrupt):
            study_pretraining(address, out, weights="none", overrides=_SMALL, settings=settings)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    bundle = (out / "pretrained" / "seed0" / "bundle" / "pretrained.json").stat().st_mtime_ns
    assert before
    result = study_pretraining(address, out, weights="none", overrides=_SMALL, settings=settings)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (out / "pretrained" / "seed0" / "bundle" / "pretrained.json").stat().st_mtime_ns == bundle
    written = json.loads((out / "study.json").read_text())
    assert list(written["verdicts"]) == [
        "frozen features, 10 % of the labels (4)", "frozen features, 100 % of the labels (40)",
        "fine-tuned, 10 % of the labels (4)", "fine-tuned, 100 % of the labels (40)",
    ]  # fmt: skip
    page = (out / "study.html").read_text()
    assert "patches = 40" in page
    assert page.count("<figure") == 2
    assert page.count("<table") == 1
    assert "AUC without" in result.summary()


def test_too_few_images_and_labels_are_refused(patches: Path, tmp_path: Path, settings: Settings) -> None:
    address = f"folder:{patches}"
    with pytest.raises(DataError, match="draws 1,000 images of each class from train, and there are 60 of normal"):
        study_pretraining(address, tmp_path / "a", settings=settings)
    with pytest.raises(RecipeError, match="leave at least 4 labels"):
        study_pretraining(address, tmp_path / "b", overrides=["patches=100"], settings=settings)
    assert not (tmp_path / "a").exists()
