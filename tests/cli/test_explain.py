"""`sentinode explain` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def patches(workplace: Path) -> Path:
    """Two patches of one name in two folders, and one of a wrong size."""
    noise = np.random.default_rng(2).integers(90, 255, (3, 96, 96, 3), dtype=np.uint8)
    for number, folder in enumerate(("a", "b")):
        (workplace / folder).mkdir()
        Image.fromarray(noise[number]).save(workplace / folder / "tile.png")
    Image.fromarray(noise[2][:50, :50]).save(workplace / "small.png")
    return workplace


def test_images_get_maps_figures_and_a_page(sentinode: Callable[..., Any], patches: Path) -> None:
    done = sentinode(
        "explain", "pcam", "a", "b", "small.png", "--method", "gradcam,cam", "--no-checks", "--single-look",
        "--out", "looked",
    )  # fmt: skip
    assert done.status == 1
    assert "small.png is 50×50 px, the model takes 96×96" in done.err
    record = json.loads((patches / "looked" / "explanations.json").read_text(encoding="utf-8"))
    assert [one["folder"] for one in record] == ["tile", "tile-2"]
    for one in record:
        exact = one["maps"][1]
        odds = np.log(exact["probability"] / (1 - exact["probability"]))
        assert exact["sum"] + exact["constant"] == pytest.approx(odds, abs=0.01)
        for name in ("gradcam", "cam"):
            assert np.load(patches / "looked" / one["folder"] / f"{name}.npy").shape == (96, 96)
            assert (patches / "looked" / one["folder"] / f"{name}-overlay.png").is_file()
    page = (patches / "looked" / "index.html").read_text(encoding="utf-8")
    assert "a single look at the tile" in page
    assert "Not measured" in page
    assert "http://" not in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "--method", "shap"], "no method 'shap'; for pcam there are layercam"),
        (["a", "--method", "attention-rollout"], "no vision transformer"),
        (["a", "--layer", "conv9"], "no layer 'conv9'"),
        (["a", "--method", "lime", "--layer", "features.3"], "leave it out"),
        (["a", "--target", "fat"], "no class 'fat'"),
        (["small.png"], "none of the images can be explained"),
        ([], "give either images, or --slide"),
        (["--slide", "none.svs", "--at", "1,2"], "none.svs is not a file"),
        (["--slide", "none.svs"], "say where to look"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    sentinode: Callable[..., Any], patches: Path, words: list[str], said: str
) -> None:
    done = sentinode("explain", "pcam", *words, "--no-checks", "--single-look", "--out", "looked")
    assert (done.status, len(done.err.splitlines())) == (2, 1)
    assert said in done.err
    assert not (patches / "looked").exists()


def test_an_unknown_class_is_refused_before_the_model_is_loaded(
    sentinode: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("sentinode.studies.explanation_study.open_model")
    done = sentinode("explain", "pcam", "a", "--target", "fat", "--out", "looked")
    assert (done.status, "no class 'fat'" in done.err) == (2, True)
