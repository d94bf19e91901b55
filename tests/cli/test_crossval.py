"""`sentinode crossval` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import layouts

QUICK = ["--folds", "2", "--repeats", "1", "--set", "crossval.permutations=0", "--set", "classifier.grid={}"]


@pytest.fixture
def patches(workplace: Path) -> str:
    return f"folder:{layouts.make_folder(workplace / 'patches', n=20, splits=('train', 'test'), size=(24, 24))}"


def test_a_report_and_a_machines_answer(sentinode: Callable[..., Any], workplace: Path, patches: str) -> None:
    words = ["crossval", "colour", "--data", patches, "--out", "out", *QUICK]
    first = sentinode(*words)
    assert (first.status, first.err) == (0, "")
    assert "2-fold, stratified, 1 repeat: 40 images" in first.out
    assert (workplace / "out" / "report" / "report.html").is_file()
    again = sentinode(*words, "--json")
    answer = json.loads(again.out)
    assert (answer["kind"], answer["n"], answer["bundle"]) == ("cross-validation", 40, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clinical-feature"], "did you mean clinical-features?"),
        (["resnet-of-mine"], "there is no architecture 'resnet-of-mine'"),
        (["colour", "--folds", "21"], "fewer than crossval.folds = 21"),
        (["colour", "--folds", "1"], "crossval.folds = 1"),
        (["colour", "--set", "crossval.plan=leave-one-group-out"], "the source knows no groups"),
        (["colour", "--set", "evaluation.threshold=sensitivity>=0.99@lower95"], "evaluation of the recipe"),
        (["resnet18", "--set", "features.model.weights=missing.safetensors"], "there is no weights file"),
    ],
)
def test_what_can_not_be_done_is_one_line_and_leaves_nothing(
    words: list[str], message: str, sentinode: Callable[..., Any], workplace: Path, patches: str
) -> None:
    outcome = sentinode("crossval", *words, "--data", patches, "--out", "out")
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (workplace / "out").exists()


def test_the_wrong_command_is_named(sentinode: Callable[..., Any], patches: str) -> None:
    outcome = sentinode("train", "clinical-features", "--data", patches)
    assert outcome.status == 2
    assert "`sentinode crossval clinical-features`" in outcome.err
