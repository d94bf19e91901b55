"""Runs `sentinode` as if nothing were installed but the distributions that are named in a file.

    python without.py FILE WORD…

FILE has the canonical names of what there is, a line each.
"""

import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType


def hide_all_but(there: set[str]) -> None:
    """From now on, no module of another distribution than those is found."""
    hidden = {
        module
        for module, names in packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in names} & {*there, "sentinode"}
    }

    class Partial(PathFinder):
        @classmethod
        def find_spec(
            cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
        ) -> ModuleSpec | None:
            return None if fullname.partition(".")[0] in hidden else super().find_spec(fullname, path, target)

    sys.meta_path[sys.meta_path.index(PathFinder)] = Partial


if __name__ == "__main__":
    hide_all_but(set(Path(sys.argv[1]).read_text(encoding="utf-8").split()))
    from sentinode.cli.main import main

    main(sys.argv[2:])
