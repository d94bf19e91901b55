"""`sentinode study context` on drawn patches: composed slides, two arms, a verdict, and a stop costs nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.core.errors import DataError, RecipeError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.slides.slide import open_slide
from sentinode.studies.context.context_arms import ContextArms
from sentinode.studies.context.context_protocol import ALONE, CONTEXT, ContextProtocol
from sentinode.studies.context.context_slides import compose_cohorts, draw_training_tiles, read_tested_slides
from sentinode.studies.context.context_study import study_context

_SMALL = [
    "training_slides=6", "tested_slides=6", "columns=12", "rows=10", "training_lesions=[2, 4]", "lesion_cells=[1, 6]",
    "seeds=[0, 1]", "network=cnn3", "epochs=1", "learning_rate=0.002",
]  # fmt: skip


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of 96 px, in two splits; those of tumour are darker."""
    folder = tmp_path_factory.mktemp("patches")
    rng = np.random.default_rng(0)
    for split, count in (("train", 60), ("valid", 30)):
        for label, colour in (("normal", (215, 140, 190)), ("tumour", (150, 80, 160))):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                grain = np.kron(rng.integers(-30, 30, (12, 12, 1)), np.ones((8, 8, 1), int))
                pixels = np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / label / f"{number}.png")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings.from_environment(), cache=tmp_path / "cache", threads=1)


def test_tiles_and_cells_are_what_was_composed(patches: Path, tmp_path: Path, settings: Settings) -> None:
    protocol = ContextProtocol(training_slides=6, tested_slides=4, columns=12, rows=10, lesion_cells=(1, 6))
    compose_cohorts(tmp_path, f"folder:{patches}", protocol, lambda *_: None)
    data = draw_training_tiles(tmp_path, protocol, settings, SILENT)
    assert data.inputs(context=True).shape[1:] == (2, 96, 96, 3)
    purple = data.tiles[:, 20:60, 20:60, 1].mean(axis=(1, 2)) < 115
    for split in ("train", "validation"):
        np.testing.assert_array_equal(purple[data.manifest.rows(split)], data.manifest.labels(split) == 1)
    normal, tumour = read_tested_slides(tmp_path / "tested-slides")[0::2]
    assert not len(normal.lesion_cells)
    assert len(tumour.lesion_cells) >= 1
    with open_slide(tumour.path) as slide:
        for column, row in zip(tumour.columns[:40], tumour.rows[:40], strict=True):
            green = slide.read_at(protocol.mpp, int(column) * 96, int(row) * 96, 96, 96)[20:60, 20:60, 1].mean()
            assert (green < 115) == (tumour.lesion[row, column] > 0)


def test_a_study_ends_with_a_verdict_and_goes_on_after_a_stop(
    patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, out = f"folder:{patches}", tmp_path / "study"
    asked: list[str] = []
    scores = ContextArms._scores

    def stopping(self: ContextArms, arm: str, seed: int) -> object:
        asked.append(arm)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return scores(self, arm, seed)

    with monkeypatch.context() as patched:
        patched.setattr(ContextArms, "_scores", stopping)
        with pytest.raises(KeyboardInterrupt):
            study_context(address, out, weights="none", overrides=_SMALL, settings=settings)
    before = {path: path.stat().st_mtime_ns for path in [*out.rglob("*.npy"), *out.rglob("*.tif")]}
    result = study_context(address, out, weights="none", overrides=_SMALL, settings=settings)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    written = json.loads((out / "study.json").read_text())
    assert [arm["name"] for arm in written["arms"]] == [ALONE, CONTEXT]
    assert written["verdict"] == result.verdict
    found = result.arms[0].figures["lesions found, all, at 1 false lesion a normal slide"]
    assert found.value == pytest.approx(1)  # colour tells them apart
    page = (out / "study.html").read_text()
    assert "tested_slides = 6" in page
    assert page.count("<figure") == 2
    assert page.count("<table") == 1
    assert "with context: " in result.summary()


def test_patches_without_splits_and_other_keys_are_refused(patches: Path, tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(DataError, match="has no splits called train and test or validation"):
        study_context(f"folder:{patches / 'train'}", tmp_path / "a", settings=settings)
    with pytest.raises(RecipeError, match="composes slides of the patches as they are"):
        study_context(f"folder:{patches}", tmp_path / "b", overrides=["data.mpp=1"], settings=settings)
    assert not list(tmp_path.iterdir())
