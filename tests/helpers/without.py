"""Runs `sentinode` as if some modules were not installed.

    python without.py FILE WORD…       # one command
    python without.py FILE < COMMANDS  # many, each in a forked process that begins with nothing but the program loaded

FILE has the names of the modules that there are not, a line each. COMMANDS is a JSON list of lists of words; the answer
is a JSON list with what each said as it failed, empty for one that did not fail.
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_SECONDS = 300
"""A command that should fail and serves on is ended."""


def hide(modules: Iterable[str]) -> None:
    """From now on, none of those is found."""
    hidden = frozenset(modules)

    class Partial(PathFinder):
        @classmethod
        def find_spec(
            cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
        ) -> ModuleSpec | None:
            return None if fullname.partition(".")[0] in hidden else super().find_spec(fullname, path, target)

    sys.meta_path[sys.meta_path.index(PathFinder)] = Partial


def said_as_it_fails(words: Sequence[str]) -> str:
    """Run a command in a forked process: its standard error, or nothing where it does not fail."""
    with tempfile.TemporaryFile() as said:
        process = os.fork()
        if not process:
            signal.alarm(_SECONDS)
            os.dup2(said.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            main(words)
        failed = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != 0
        said.seek(0)
        return said.read().decode("utf-8") if failed else ""


if __name__ == "__main__":
    hide(Path(sys.argv[1]).read_text(encoding="utf-8").split())
    from sentinode.cli.main import main

    if sys.argv[2:]:
        main(sys.argv[2:])
    else:
        json.dump([said_as_it_fails(words) for words in json.load(sys.stdin)], sys.stdout)
