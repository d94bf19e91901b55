"""Parts of another package, installed for real: listed, and used by every command that takes such a part."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.extra_jobs import write_material
from helpers.part_package import write_package


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "installed"
    folder.mkdir()
    write_package(folder)
    monkeypatch.syspath_prepend(folder)


@pytest.mark.usefixtures("package")
def test_every_part_is_listed_with_its_package_and_what_is_wrong_with_it(sentinode: Callable[..., Any]) -> None:
    parts = {(part["kind"], part["name"]): part for part in json.loads(sentinode("plugins", "--json").out)}
    theirs = {key: part for key, part in parts.items() if part["package"] == "sentinode-parts"}
    assert set(theirs) == {
        ("reader", "raw"), ("architecture", "onelayer"), ("architecture", "broken"), ("loss", "squares"),
        ("explanation method", "darkness"), ("metric", "youden"),
    }  # fmt: skip
    assert {part["version"] for part in theirs.values()} == {"1.2"}
    assert [key for key, part in parts.items() if part["trouble"]] == [("architecture", "broken")]
    assert "sentinode-parts 1.2 can't be loaded" in theirs["architecture", "broken"]["trouble"]
    ours = {("reader", "tiff"), ("architecture", "cnn3"), ("explanation method", "gradcam"), ("metric", "auc")}
    assert {key for key in ours if parts[key]["package"] == "sentinode"} == ours


@pytest.mark.slow
@pytest.mark.usefixtures("package")
def test_each_part_is_used_where_it_is_asked_for(sentinode: Callable[..., Any], workplace: Path) -> None:
    write_material(workplace)
    Image.open(workplace / "slide.tif").save(workplace / "slide.raw", format="PNG")
    quick = ["training.epochs=1", "training.warmup_epochs=0", "model.architecture=onelayer", "training.loss=squares"]
    sets = [word for value in quick for word in ("--set", value)]
    for words in (
        ["scan", "pcam", "slide.raw", "--reader", "raw", "--mpp", "0.972", "--out", "scans"],
        ["train", "demo", "--data", "folder:patches", "--out", "run", *sets],
        ["explain", "run/bundle", "patches/test/tumour/0.png", "--method", "darkness", "--out", "why"],
        ["evaluate", "run/bundle", "--data", "folder:patches", "--out", "measured"],
    ):
        done = sentinode(*words)
        assert (done.status, done.err) == (0, ""), words
    assert json.loads((workplace / "scans/slide/scan.json").read_text())["status"] == "finished"
    recipe = (workplace / "run/recipe.toml").read_text()
    assert 'loss = "squares"' in recipe
    assert 'architecture = "onelayer"' in recipe
    assert (workplace / "why/0/darkness.npy").is_file()
    assert json.loads((workplace / "measured/metrics.json").read_text())["metrics"]["youden"]["n"] == 24
    assert "Youden" in (workplace / "measured/report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("package")
def test_a_part_that_can_not_be_loaded_is_named_when_it_is_asked_for(
    sentinode: Callable[..., Any], workplace: Path
) -> None:
    write_material(workplace)
    done = sentinode("train", "demo", "--data", "folder:patches", "--out", "run", "--set", "model.architecture=broken")
    assert done.status == 2
    assert "architecture 'broken' of sentinode-parts 1.2 can't be loaded" in done.err
    assert len(done.err.splitlines()) == 1
