"""`sentinode tissue` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage


@pytest.fixture
def slides(workplace: Path) -> Path:
    """Two slides of 4 µm/px with a piece of tissue each, and masks of them."""
    (workplace / "masks").mkdir()
    (workplace / "slides").mkdir()
    for number in range(2):
        random = np.random.default_rng(number)
        truth = np.zeros((201, 303 + number), bool)
        truth[30:150, 40 + 30 * number : 220] = True
        grain = ndimage.gaussian_filter(random.random(truth.shape), 1.2)[..., None] * truth[..., None]
        picture = random.normal(242, 1.5, (*truth.shape, 3)) * 10 ** -(grain * (0.4, 0.7, 0.25))
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(workplace / "slides" / f"s{number}.tif")
        Image.fromarray(truth).save(workplace / "masks" / f"s{number}.png")
    return workplace


def test_rules_write_mask_overlay_and_areas(sentinode: Callable[..., Any], slides: Path) -> None:
    done = sentinode("tissue", "apply", "slides", "--out", "found", "--mpp", 4)
    assert (done.status, done.err) == (0, "")
    assert len(done.out.splitlines()) == 2
    for number in range(2):
        truth = np.asarray(Image.open(slides / "masks" / f"s{number}.png"))
        mask = np.asarray(Image.open(slides / "found" / f"s{number}.png"))
        record = json.loads((slides / "found" / f"s{number}.json").read_text())
        assert (record["mask_height"], record["mask_width"]) == mask.shape == (101, 152)
        assert record["tissue_mm2"] == pytest.approx(truth.sum() * 16e-6, rel=0.05)
        assert record["method"] == "rules"
        assert max(np.asarray(Image.open(slides / "found" / f"s{number}.overlay.png")).shape) >= 600


def test_train_then_apply(sentinode: Callable[..., Any], slides: Path) -> None:
    trained = sentinode("tissue", "train", "slides", "--masks", "masks", "--out", "m.npz", "--mpp", 4, "--json")
    assert (trained.status, trained.err) == (0, "")
    facts = json.loads(trained.out)
    assert facts["mean_held_out_dice"] > 0.97
    assert set(facts["rules_dice"]) == set(facts["held_out_dice"]) == {"s0", "s1"}
    words = sentinode("tissue", "train", "slides", "--masks", "masks", "--out", "n.npz", "--mpp", 4).out
    assert f"mean Dice of slides left out: {facts['mean_held_out_dice']:.3f} by the model" in words
    done = sentinode("tissue", "apply", "slides/s1.tif", "--model", "m.npz", "--out", "found", "--mpp", 4, "--json")
    (record,) = json.loads(done.out)["slides"]
    assert (record["slide"], record["method"], len(record["model_sha256"])) == ("s1.tif", "model", 64)


def test_a_bad_slide_does_not_stop_the_rest(sentinode: Callable[..., Any], slides: Path) -> None:
    (slides / "slides" / "junk.svs").write_bytes(b"junk")
    done = sentinode("tissue", "apply", "slides", "--out", "found", "--mpp", 4)
    assert done.status == 1
    assert "junk.svs" in done.err
    assert len(list((slides / "found").glob("*.json"))) == 2


def test_what_a_user_can_mend_is_one_line(sentinode: Callable[..., Any], slides: Path) -> None:
    for words, said in (
        (["apply", "nothing", "--out", "found"], "nothing is not a file"),
        (["apply", "slides", "--out", "found", "--model", "none.npz"], "tissue train"),
        (["train", "slides", "--masks", "slides/none", "--out", "m.npz", "--mpp", 4], "not a folder"),
    ):
        done = sentinode("tissue", *words)
        assert done.status == 2
        assert said in done.err
        assert len(done.err.splitlines()) == 1
    assert not (slides / "m.npz").exists()
