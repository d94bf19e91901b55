"""What the docs name is there: files, modules, pages and commands."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sentinode.cli.main import app
from sentinode.core.plugins import GROUPS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sentinode"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_TOPS = ("src", "tests", "benchmarks", "docs", "web", "examples", *(p.name for p in PACKAGE.iterdir() if p.is_dir()))
_SOURCES = {".py", ".md", ".toml", ".ts", ".tsx", ".j2", ".css", ".sh"}
_NO_MODULES = {f"sentinode.{group}" for group in GROUPS.values()} | {"sentinode.features"}
"""Groups of entry points, and the key of a table's metadata."""


def _names(page: Path) -> list[str]:
    """Everything in backticks, the snippets apart."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def _is_there(name: str) -> bool:
    if "/" not in name:
        return (ROOT / name).exists() or any(PACKAGE.rglob(name)) or any((ROOT / "tests").rglob(name))
    return any((base / name).exists() for base in (ROOT, PACKAGE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_the_docs_name_are_there(page: Path) -> None:
    files = [name for name in _names(page) if re.fullmatch(r"[\w./-]+", name)]
    ours = [name for name in files if name.split("/")[0] in _TOPS and Path(name).suffix in _SOURCES]
    python = [name for name in files if name.endswith(".py")]
    assert [name for name in {*ours, *python} if not _is_there(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_the_docs_name_are_there(page: Path) -> None:
    names = set(re.findall(r"sentinode(?:\.[a-z_]\w*)+(?:\.[A-Z]\w+)?", page.read_text(encoding="utf-8")))
    missing = []
    for name in names - _NO_MODULES:
        parts = name.split(".")[1:]
        places = [PACKAGE.joinpath(*parts[:count]) for count in (len(parts), len(parts) - 1) if count]
        if not any(place.is_dir() or place.with_suffix(".py").is_file() for place in places):
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    inside = [link for link in links if not link.startswith(("http:", "https:"))]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def _unknown(line: str, root: Any) -> list[str]:
    """Words of a command line that the program has not: the command, or options of it."""
    _, *words = shlex.split(line, comments=True)
    command: Any = root
    while words and hasattr(command, "commands"):
        word = words.pop(0)
        if word not in command.commands:
            return [word]
        command = command.commands[word]
    options = {name for part in command.params for name in (*part.opts, *part.secondary_opts)}
    return [word for word in words if word.startswith("-") and word.partition("=")[0] not in {*options, "--help"}]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_the_docs_give_exist(page: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    root = typer.main.get_command(app)
    wrong = {line: _unknown(line, root) for line in lines if line.startswith("sentinode ")}
    assert {line: words for line, words in wrong.items() if words} == {}
