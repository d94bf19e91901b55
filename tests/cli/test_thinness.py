"""The rule of the room: a command parses, makes one call into the other rooms, and prints."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import sentinode

_CLI = Path(sentinode.__file__).parent / "cli"
_SHARED = {"__init__.py", "main.py", "options.py", "streams.py"}  # groups of commands; how lines and errors are printed
_COMMANDS = sorted(path for path in _CLI.glob("*.py") if path.name not in _SHARED)
_PRINTING = {"answer", "present", "present_part", "progress", "say", "warn", "warn_of"}
_MOST_STATEMENTS = 8

_LOGIC = (
    ast.While, ast.With, ast.Try, ast.Raise, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.BinOp,
    ast.Lambda, ast.FunctionDef, ast.ClassDef, ast.Global, ast.AugAssign, ast.Yield,
)  # fmt: skip


def _prints(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr | ast.Return) else None
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _PRINTING


def _breaches_of(function: ast.FunctionDef) -> Iterator[str]:
    """What a function does beside parsing, its one call and printing."""
    body = [node for node in function.body[1:] if not isinstance(node, ast.ImportFrom)]
    if ast.get_docstring(function) is None:
        yield "has no docstring, which is its help"
    if len(list(_statements(body))) > _MOST_STATEMENTS:
        yield f"has more than {_MOST_STATEMENTS} statements"
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if isinstance(node, _LOGIC):
            yield f"line {node.lineno}: {type(node).__name__} is no parsing and no printing"
        if isinstance(node, ast.For | ast.If) and not all(
            _prints(each) for each in _statements([*node.body, *node.orelse])
        ):
            yield f"line {node.lineno}: {type(node).__name__} around something else than printing"
    ours = {
        alias.asname or alias.name
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sentinode")
        for alias in node.names
    }
    calls = [node for statement in body for node in ast.walk(statement) if _calls(node, ours)]
    if ours and len(calls) != 1:
        yield f"calls {len(calls)} functions of other rooms, which is not one"


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Each statement, those within loops and branches in their place."""
    for node in body:
        if isinstance(node, ast.For | ast.If):
            yield from _statements([*node.body, *node.orelse])
        else:
            yield node


def _calls(node: ast.AST, ours: set[str]) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in ours


def _breaches(code: str) -> list[str]:
    tree = ast.parse(code)
    wrong = [
        f"{function.name} {breach}"
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for breach in _breaches_of(function)
    ]
    allowed = ast.Expr | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign | ast.FunctionDef
    wrong += [f"line {node.lineno}: {type(node).__name__}" for node in tree.body if not isinstance(node, allowed)]
    early = [
        node for node in tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sentinode")
    ]
    wrong += [f"imports {node.module} before it runs" for node in early if node.module != "sentinode.cli.options"]
    return wrong


@pytest.mark.parametrize("path", _COMMANDS, ids=lambda path: path.stem)
def test_a_command_parses_calls_one_function_and_prints(path: Path) -> None:
    assert _breaches(path.read_text(encoding="utf-8")) == []


_HEAD = 'from sentinode.cli.options import say\ndef job(x):\n    """Do it."""\n    from sentinode.core import a, b\n'


@pytest.mark.parametrize(
    "body",
    [
        "say(a(x))\n    say(b(x))",  # two calls
        "say(x)",  # none
        "say(a([each for each in x]))",
        "say(a(x + 1))",
        "try:\n        say(a(x))\n    except OSError:\n        say(x)",
        "for each in a(x):\n        x.append(each)",
        "if x:\n        x = 2\n    say(a(x))",
        "say(a(lambda: x))",
        "say(a(x))\n" + "    say(x)\n" * _MOST_STATEMENTS,
    ],
)
def test_a_command_that_does_more_is_found(body: str) -> None:
    assert _breaches(f"{_HEAD}    {body}\n")


def test_a_command_that_prints_what_its_call_gives_is_thin() -> None:
    assert _breaches(f"{_HEAD}    found = a(x)\n    for line in found.lines():\n        say(line)\n") == []
