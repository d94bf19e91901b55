"""The examples of docs/command-line.md and the Python of README.md, run as they stand there."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main

from helpers import layouts
from sentinode.cli.main import app

README = Path(__file__).parents[2] / "README.md"
PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def test_commands_that_the_page_names_are_there() -> None:
    """The page of all options is generated (docs/hooks.py); this one may name fewer, and none that is gone."""
    root: Any = typer.main.get_command(app)
    lines = re.findall(r"`sentinode ([a-z][a-z -]*)", PAGE.read_text(encoding="utf-8"))
    assert len(lines) > 25
    for first, *rest in map(str.split, lines):
        inner = getattr(root.commands[first], "commands", None)
        assert inner is None or not rest or rest[0] in inner


@pytest.mark.slow
def test_the_examples_run(sentinode: Callable[..., Any], workplace: Path) -> None:
    layouts.make_folder(workplace / "patches", n=30, size=(24, 24))
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 11
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "sentinode"
        outcome = sentinode(*words)
        assert (outcome.status, outcome.err) == (0, ""), line
    for made in ("look/index.html", "measured/report.html", "compared/comparison.html", "predictions.csv"):
        assert (workplace / made).is_file()


def test_the_python_of_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        names: dict[str, Any] = {"tiles": np.zeros((2, 96, 96, 3), np.uint8)}
        exec(compile(block, "README.md", "exec"), names)
        assert names["scores"].probabilities.shape == (2, 2)
