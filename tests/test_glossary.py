"""The code keeps to the glossary: its nouns are where it says, and no identifier bears a word that it rules out."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_CODE = _ROOT / "src" / "sentinode"
_ELSEWHERE = {"role": {"cli/users.py", "serving/access/tokens.py"}}
"""Word → files in which it means another thing: what a user of a server may do."""


def _rows() -> list[tuple[str, str, tuple[str, ...]]]:
    """Noun, its dotted place below `sentinode`, and the words that are ruled out for it."""
    text = (_ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z -]+) \| .+ \| `([\w.]+)` \|(.*)\|$", text, re.MULTILINE)
    return [(noun, place, tuple(re.findall(r"\w+", words))) for noun, place, words in rows]


def _identifiers(code: str) -> Iterator[str]:
    """Names of classes, functions and parameters."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def _words(identifier: str) -> set[str]:
    """LowConfidenceBand and low_confidence_band: low, confidence, band; a plural counts as its singular, too."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower().split("_")
    return {word.removesuffix(ending) for word in words for ending in ("", "s", "es")}


def _offences(file: str, code: str, ruled_out: set[str]) -> list[str]:
    return [
        f"{file}: {name} ({word})"
        for name in _identifiers(code)
        for word in sorted(_words(name) & ruled_out)
        if file not in _ELSEWHERE.get(word, ())
    ]


def test_the_glossary_has_twenty_nouns() -> None:
    assert len({noun for noun, _, _ in _rows()}) == 20


@pytest.mark.parametrize(("noun", "place"), [(noun, place) for noun, place, _ in _rows()])
def test_each_noun_is_where_the_glossary_says(noun: str, place: str) -> None:
    module, _, name = place.rpartition(".")
    assert (_CODE / f"{place.replace('.', '/')}.py").is_file() or hasattr(
        importlib.import_module(f"sentinode.{module}"), name
    )
    assert set(noun.replace("-", " ").split()) <= {word for part in place.split(".") for word in _words(part)}


def test_no_identifier_bears_a_word_that_is_ruled_out() -> None:
    ruled_out = {word for _, _, words in _rows() for word in words}
    assert len(ruled_out) > 10
    files = {path.relative_to(_CODE).as_posix(): path.read_text(encoding="utf-8") for path in _CODE.rglob("*.py")}
    assert [offence for file, code in files.items() for offence in _offences(file, code, ruled_out)] == []


def test_such_words_would_be_seen() -> None:
    code = "class RoleTable: ...\ndef cut_partitions(whole, *, engine_backend=None): ...\ndef split_of(name): ..."
    assert _offences("data/x.py", code, {"role", "partition", "backend"}) == [
        "data/x.py: RoleTable (role)",
        "data/x.py: cut_partitions (partition)",
        "data/x.py: engine_backend (backend)",
    ]
    assert _offences("serving/access/tokens.py", "def required_role(role): ...", {"role"}) == []
