"""What the site adds to the pages of `docs/`: tables of keys, the commands' own help, and the files of the root.

A line `<!-- keys: sentinode.module.Model KEY -->` becomes a table of a model's fields, written as `KEY.field`;
`<!-- commands -->` becomes every command with its options. mkdocs calls `on_page_markdown` for each page.
"""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

KEYS = re.compile(r"^<!-- keys: ([\w.]+)\.(\w+)(?: ([\w.]+))? -->$", re.MULTILINE)
COMMANDS = "<!-- commands -->"


def on_page_markdown(markdown: str, **_page: Any) -> str:
    """The page with its generated parts; links of the root's files, such as `docs/data.md`, as the site has them."""
    markdown = KEYS.sub(lambda found: key_table(found[1], found[2], found[3] or ""), markdown)
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, "\n\n".join(_commands()))
    return markdown.replace("](docs/", "](")


def key_table(module: str, name: str, table: str) -> str:
    """Markdown: a row for each field of a pydantic model, what its docstrings say of it included."""
    model: type[BaseModel] = getattr(importlib.import_module(module), name)
    said = _docstrings(model)
    rows = ["| key | type | default | |", "|---|---|---|---|"]
    for key, field in model.model_fields.items():
        if key not in said:
            continue  # a table of its own, or a name that needs no words
        path = f"{table}.{key}" if table else key
        words = " ".join(said[key].split()).replace("|", r"\|")
        kind = _type(field.annotation).replace("|", r"\|")
        rows.append(f"| `{path}` | {kind}{_bounds(field)} | {_default(field)} | {words} |")
    return "\n".join(rows)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field → the string below it, of the model and of those it is made from."""
    said: dict[str, str] = {}
    for part in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(part))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                said.pop(field.target.id, None)
                if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                    said[field.target.id] = str(text.value.value)
    return said


def _type(kind: Any) -> str:
    parts = [part for part in get_args(kind) if part is not type(None)]
    if all(isinstance(part, str) for part in parts) and parts:
        return ", ".join(f"`{part}`" for part in parts)
    if get_origin(kind) in (tuple, list):
        return f"list of {_type(parts[0])}"
    if get_origin(kind) is dict:
        return "table"
    if parts:
        return " or ".join(dict.fromkeys(map(_type, parts)))
    names = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}
    return names.get(kind, "table" if isinstance(kind, type) and issubclass(kind, BaseModel) else str(kind))


def _bounds(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = ((sign, getattr(rule, name, None)) for rule in field.metadata for name, sign in signs.items())
    said = [f"{sign} {bound}" for sign, bound in bounds if bound is not None]
    return f" {', '.join(said)}" if said else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or value == "":
        return "unset"
    if isinstance(value, BaseModel):
        return "its defaults"
    return f"`{value}`".replace("True", "true").replace("False", "false")


def _commands() -> Iterator[str]:
    from sentinode.cli.main import app

    root: Any = typer.main.get_command(app)
    for name, command in sorted(root.commands.items()):
        inner = getattr(command, "commands", None)
        if inner is None:
            yield _command(name, command)
        for leaf, part in sorted((inner or {}).items()):
            yield _command(f"{name} {leaf}", part)


def _command(words: str, command: Any) -> str:
    arguments = [part for part in command.params if part.param_type_name == "argument"]
    options = [part for part in command.params if part.param_type_name == "option" and part.name != "help"]
    places = [f"{_names(part)}{'…' if part.nargs == -1 else ''}" for part in arguments]
    usage = " ".join(["sentinode", words, *places, "[OPTIONS]"])
    rows = [f"| `{_names(part)}` | {_cell(part.help)} | {_cell(_shown(part))} |" for part in [*arguments, *options]]
    table = "\n".join(["| | | default |", "|---|---|---|", *rows])
    return f"## {words}\n\n```\n{usage}\n```\n\n{_plain(inspect.cleandoc(command.help or ''))}\n\n{table}"


def _names(part: Any) -> str:
    if part.param_type_name == "argument":
        return part.metavar or part.name.upper()
    return ", ".join([*part.opts, *part.secondary_opts])


def _cell(text: object) -> str:
    return _plain(" ".join(str(text or "").split())).replace("|", r"\|")


def _plain(text: str) -> str:
    """Text of a help page, which is no Markdown."""
    return text.replace("<", "&lt;").replace("[", r"\[").replace("*", r"\*")


def _shown(part: Any) -> object:
    if part.required:
        return "required"
    silent = part.default is None or part.default in ("", False, []) or callable(part.default)
    return "" if silent else f"`{part.default}`"
