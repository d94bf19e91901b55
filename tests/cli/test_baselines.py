"""`sentinode baselines` and `sentinode learning-curve`: refusals in one line, and a machine's answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import layouts

Command = Callable[..., Any]


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"folder:{layouts.make_folder(tmp_path / 'patches', n=12, size=(24, 24))}"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("baselines", "nobody"), "there is no bundle 'nobody'"),
        (("baselines", "pcam"), "pcam takes tiles of 96×96 px, the images are 24×24"),
        (("baselines", "--split", "nonsense"), "'nonsense', which the source does not have"),
        (("baselines", "--set", "training.epochs=3"), "only data.* can be set here"),
        (("baselines", "--probe", "resnet_18"), "there is no architecture 'resnet_18'; did you mean"),
        (("learning-curve", "colour", "--fractions", "0.5,2"), "--fractions has 2; each is a share"),
        (("learning-curve", "colour", "--fractions", "0.05"), "leaves 1 image of class normal of 2; a model needs"),
        (("learning-curve", "logistic"), "logistic is a classical model; name what it learns from"),
        (("learning-curve", "missing.toml"), "recipe missing.toml can't be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(sentinode: Command, workplace: Path, address: str, words, line: str) -> None:
    outcome = sentinode(*words, "--data", address, "--out", "result")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert line in outcome.err
    assert list(workplace.iterdir()) == []


def test_a_curve_as_json(sentinode: Command, address: str) -> None:
    words = ("learning-curve", "colour", "--data", address, "--out", "curve", "--fractions", "0.5,1", "--seeds", 1)
    outcome = sentinode(*words, "--json")
    assert (outcome.status, outcome.err) == (0, "")
    assert [step["n"] for step in json.loads(outcome.out)["steps"]] == [12, 24]
    again = sentinode(*words)
    assert "trained   0; 2 were finished before" in again.out
