"""`sentinode study synthesis`: what each arm sees, what each generator knew, and a stop that costs nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.square_patches import SIDE, write_square_patches
from sentinode.core.errors import DataError, RecipeError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import load_dataset
from sentinode.studies.label_draws import draw_patches
from sentinode.studies.synthesis.share_generators import ShareGenerators
from sentinode.studies.synthesis.synthesis_arms import SynthesisArms
from sentinode.studies.synthesis.synthesis_protocol import ARMS, SynthesisProtocol
from sentinode.studies.synthesis.synthesis_study import study_synthesis
from sentinode.training.synthesis.synthesis_fit import Contest

_SMALL = [
    "patches=40", "tested=40", "shares=[0.1, 1.0]", "seeds=[0, 1]", f"side={SIDE}", "unlabelled_steps=4",
    "labelled_steps=4", "generator_batch=8", "network=cnn3",
]  # fmt: skip


@pytest.fixture(scope="module")
def square_patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_square_patches(tmp_path_factory.mktemp("square"))


def _arms(patches: Path, out: Path, settings: Settings) -> SynthesisArms:
    protocol = SynthesisProtocol(
        patches=40, tested=40, shares=(0.1, 1.0), seeds=(0,), side=SIDE, unlabelled_steps=2, labelled_steps=2,
        generator_batch=8, network="cnn3",
    )  # fmt: skip
    data = load_dataset(DataConfig(source=f"folder:{patches}"), cache=settings.cache, progress=SILENT)
    draws = draw_patches(data, protocol)
    generators = ShareGenerators(out, draws, protocol, "none", "none", threads=1)
    return SynthesisArms(out, draws, protocol, generators, "none", threads=1)


def test_arms_see_as_many_images_and_generators_the_labels_of_the_share(
    square_patches: Path, tmp_path: Path, settings: Settings
) -> None:
    arms = _arms(square_patches, tmp_path, settings)
    seen = {arm: arms.shown(arm, 0.1, 0) for arm in ARMS}
    assert [len(seen[arm].times) for arm in ARMS] == [80, 40, 80, 80]
    assert [len(seen[arm].tiles) for arm in ARMS] == [4, 4, 4 + 40, 80]
    for shown in seen.values():
        assert np.bincount(shown.labels[shown.times]).tolist() == [len(shown.times) // 2] * 2
    np.testing.assert_array_equal(seen[ARMS[2]].tiles[4:], seen[ARMS[3]].tiles[:40])
    training = arms._training(seen[ARMS[2]], tmp_path / "scratch")
    np.testing.assert_array_equal(training.images("train")[:], seen[ARMS[2]].tiles[seen[ARMS[2]].times])
    assert training.manifest.labels("train").tolist() == seen[ARMS[2]].labels[seen[ARMS[2]].times].tolist()
    images = arms.generators._labelled(0.1, 0)
    known = np.flatnonzero(images.learned.classes < 2)
    assert known.tolist() == arms.draws.labelled(arms.protocol, 0.1, 0).tolist()
    assert float((images.learned.classes[images.order] < 2).mean()) == 0.5
    assert not set(images.held_out.pixels) & set(images.learned.pixels)


def test_a_generator_with_labels_begins_as_the_one_without(
    square_patches: Path, tmp_path: Path, settings: Settings
) -> None:
    arms = _arms(square_patches, tmp_path, settings)
    state = arms.generators._without_labels()
    from sentinode.training.synthesis.synthesis_fit import build_contest

    recipe = arms.protocol.generator(2, 0, "none", "none")
    contest = build_contest(recipe, arms.generators._labelled(1.0, 0))
    contest.start_from(state)
    weights = contest.generator.state_dict()
    np.testing.assert_array_equal(weights["start.weight"], state["generator"]["start.weight"])
    np.testing.assert_array_equal(weights["classes.weight"][0], state["generator"]["classes.weight"][-1])
    np.testing.assert_array_equal(weights["classes.weight"][1], state["generator"]["classes.weight"][-1])


def test_a_study_ends_with_a_verdict_at_every_share_and_a_stop_costs_nothing(
    square_patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, out = f"folder:{square_patches}", tmp_path / "study"
    asked: list[str] = []
    network = SynthesisArms._network

    def stopping(self: SynthesisArms, arm: str, share: float, seed: int) -> object:
        asked.append(arm)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return network(self, arm, share, seed)

    arguments = {"weights": "none", "features": "none", "overrides": _SMALL, "settings": settings}
    with monkeypatch.context() as patched:
        patched.setattr(SynthesisArms, "_network", stopping)
        with pytest.raises(KeyboardInterrupt):
            study_synthesis(address, out, **arguments)  # type: ignore[arg-type]
    before = {path: path.stat().st_mtime_ns for path in [*out.rglob("*seed0.npy"), *out.rglob("*.safetensors")]}
    assert len(before) > 4
    learned: list[int] = []
    learn = Contest.learn

    def counting(self: Contest, *batch: object) -> object:
        learned.append(self.images.classes)
        return learn(self, *batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Contest, "learn", counting)
    result = study_synthesis(address, out, **arguments)  # type: ignore[arg-type]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(learned) == 3 * 4  # the other share and the other seed; not the first generator, nor that without labels
    written = json.loads((out / "study.json").read_text())
    assert list(written["verdicts"]["fine-tuned, 10 % of the labels (4)"]) == list(ARMS[1:])
    assert list(written["generators"]) == ["10 % of the labels", "100 % of the labels"]
    page = (out / "study.html").read_text()
    assert "unlabelled_steps = 4" in page
    assert "all patches without labels, and the labels of the share" in page
    assert page.count("<figure") == 2
    assert page.count("<table") == 1
    assert "AUC of real, same compute" in result.summary()
    assert replace(result).generators == written["generators"]


def test_too_few_images_and_labels_are_refused(square_patches: Path, tmp_path: Path, settings: Settings) -> None:
    address = f"folder:{square_patches}"
    with pytest.raises(DataError, match="draws 1,000 images of each class from train, and there are 40 of normal"):
        study_synthesis(address, tmp_path / "a", settings=settings)
    with pytest.raises(RecipeError, match="leave at least 4 labels"):
        study_synthesis(address, tmp_path / "b", overrides=["patches=100"], settings=settings)
    assert not (tmp_path / "a").exists()
