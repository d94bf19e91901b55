"""The demo's last word is a command, and that command shows the demo's slide with its scan."""

import json
import re
import shlex
import subprocess
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.model_makers import make_deployed
from sentinode.cli import demo
from sentinode.models.bundle_writer import write_bundle
from sentinode.studies import demo as demo_study

SIDE = 30
"""Pixels of the network's tiles."""


def train_nothing(_recipe: Any, out: Path, **_others: Any) -> SimpleNamespace:
    """In the place of a training of minutes: an untrained network and an empty report where a run has them."""
    deployed, info = make_deployed("plain")
    tiles = np.random.default_rng(2).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
    reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
    (out / "report").mkdir(parents=True)
    write_bundle(out / "bundle", info, deployed, example_tiles=tiles, reference=reference)
    (out / "report" / "report.html").write_text("<!doctype html><title>Report</title>", encoding="utf-8")
    return SimpleNamespace(summary=lambda: "trained", bundle=out / "bundle")


@pytest.fixture
def last_word(workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The words of the command that a demo ends with; drawing and scanning of slides are the demo's own."""
    for skipped in ("inspect_source", "_write_images"):
        monkeypatch.setattr(demo_study, skipped, lambda *_given, **_named: None)
    monkeypatch.setattr(demo_study, "predict", lambda *_given, **_named: SimpleNamespace(write_csv=str))
    monkeypatch.setattr(demo_study, "train", train_nothing)
    monkeypatch.setattr(demo_study, "_SLIDE_PX", (900, 700))
    demo.demo(workplace / "a demo", quiet=True)
    printed = capfd.readouterr()
    found = re.findall(r"^viewer +(.+)$", printed.out + printed.err, re.MULTILINE)
    assert len(found) == 1
    return shlex.split(found[0])


def test_the_command_that_the_demo_ends_with_shows_its_slide(last_word: list[str]) -> None:
    with subprocess.Popen([*last_word, "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.search(r"http://\S+:\d+", line)
            assert found, line
            slides = {slide["file"]: slide for slide in ask(f"{found[0]}/slides")["slides"]}
            model = loaded(found[0])
        finally:
            server.terminate()
    assert slides.keys() == {"normal_000.tif", "tumour_001.tif"}
    assert {slide["scan"]["status"] for slide in slides.values()} == {"finished"}
    assert slides["tumour_001.tif"]["has_annotations"]
    assert model["has_report"]
    assert server.returncode == 0


def ask(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.loads(answer.read())


def loaded(address: str) -> Any:
    """The facts of the model, once it is there."""
    end = time.monotonic() + 120
    while not ask(address)["model_loaded"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    return ask(f"{address}/model")
