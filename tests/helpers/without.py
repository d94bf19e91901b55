"""Runs `sentinode` as if some modules were not installed.

    python without.py FILE WORD…      # one command, without the modules that FILE has, a line each
    python without.py FILE < REQUEST  # many, each in a forked process

REQUEST is JSON: `preload` has modules that are imported first, as far as FILE lets them; `commands` has `hidden`, the
modules that there are not, and `words`. Nothing may be preloaded that a command hides. The answer is a JSON list with
what each command said as it failed; empty of one that did not fail.
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_SECONDS = 600
"""A command that serves on, where it should have failed, is ended."""

_began_with = frozenset(sys.modules)  # what the interpreter loads by itself, setuptools' hook among it
_hidden: set[str] = set()


def hide(modules: Iterable[str]) -> None:
    """From now on, none of those is found, and every other is."""
    _hidden.clear()
    _hidden.update(modules)
    loaded = _hidden & sys.modules.keys() - _began_with
    assert not loaded, f"is loaded already: {sorted(loaded)}"


class _Partial(PathFinder):
    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if fullname.partition(".")[0] in _hidden else super().find_spec(fullname, path, target)


def said_as_it_fails(command: dict[str, Any]) -> str:
    """Run a command in a forked process: its standard error, or nothing where it does not fail."""
    with tempfile.TemporaryFile() as said:
        process = os.fork()
        if not process:
            signal.alarm(_SECONDS)
            os.dup2(said.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            hide(command["hidden"])
            main(command["words"])
        failed = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != 0
        said.seek(0)
        return (said.read().decode("utf-8") or "it said nothing") if failed else ""


if __name__ == "__main__":
    sys.meta_path[sys.meta_path.index(PathFinder)] = _Partial
    hide(Path(sys.argv[1]).read_text(encoding="utf-8").split())
    from sentinode.cli.main import main

    if sys.argv[2:]:
        main(sys.argv[2:])
    else:
        request = json.load(sys.stdin)
        for name in request["preload"]:
            import_module(name)
        json.dump([said_as_it_fails(command) for command in request["commands"]], sys.stdout)
