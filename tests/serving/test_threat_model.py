"""The page on security names tests that are there, and promises nothing without one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)


def _tests_of(file: str) -> set[str]:
    path = ROOT / "tests" / file
    if not path.is_file():
        return set()
    found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in found if isinstance(node, ast.FunctionDef)}


def test_every_test_that_it_names_is_there() -> None:
    tests = {file: _tests_of(file) for file, _ in NAMED}
    assert len(NAMED) > 40
    assert [f"{file}::{name}" for file, name in NAMED if name not in tests[file]] == []


def test_every_promise_names_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("|") and line.count("|") == 4]
    promises = [row for row in rows if not re.match(r"\| tries to \||\|---", row)]
    assert len(promises) > 25
    assert [row for row in promises if not re.search(r"`[\w/]+\.py::test_\w+`", row.split("|")[3])] == []
