"""The order of the rooms: each imports only from those that the design names, function-level imports included.

Inside a room, data flows one way between its folders, too.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sentinode

_PACKAGE = Path(sentinode.__file__).parent
# The table of the design. A room that is not built yet may be named: nothing can import from it.
_MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "slides": {"core"},
    "data": {"core", "slides"},
    "models": {"core"},
    "metrics": {"core"},
    "explanation": {"core", "models"},
    "training": {"core", "data", "models", "metrics"},
    "scanning": {"core", "slides", "models", "metrics"},
    "store": {"core"},
    "registry": {"core", "models", "metrics", "store"},
    "monitoring": {"core", "metrics"},
    "reports": {"core", "metrics"},
}
_MAY_IMPORT["studies"] = set(_MAY_IMPORT)
_MAY_IMPORT["serving"] = {
    "core", "slides", "models", "explanation", "scanning", "metrics", "store", "registry", "monitoring",
}  # fmt: skip
# What others import: the names of `import sentinode`, and the suites and odd inputs for parts of other packages.
_MAY_IMPORT["face"] = set(_MAY_IMPORT) - {"serving"}
_MAY_IMPORT["testing"] = set(_MAY_IMPORT) - {"serving", "face"}
_MAY_IMPORT["cli"] = set(_MAY_IMPORT) - {"testing"}
_WITHOUT_TORCH = {"core", "slides", "data", "metrics", "reports", "store"}
_TORCH = {"torch", "torchvision", "timm", "lightning", "torchmetrics"}


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Absolute names of everything that is imported anywhere in a module of `package`, the names after `from` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("sentinode."):
            yield node.value  # a name for importlib


def _modules(room: str) -> list[Path]:
    return sorted((_PACKAGE / room).rglob("*.py"))


def _imports_of(path: Path) -> set[str]:
    package = ".".join(["sentinode", *path.parent.relative_to(_PACKAGE).parts])
    return set(_imported(ast.parse(path.read_text(encoding="utf-8")), package))


_ROOMS = sorted(folder.name for folder in _PACKAGE.iterdir() if (folder / "__init__.py").is_file())


def test_every_room_is_in_the_design() -> None:
    assert set(_ROOMS) <= set(_MAY_IMPORT)
    assert {"core", "data", "models", "metrics", "reports", "studies", "training", "cli"} <= set(_ROOMS)


@pytest.mark.parametrize("room", _ROOMS)
def test_room_imports_only_from_rooms_that_the_design_names(room: str) -> None:
    allowed = _MAY_IMPORT[room] | {room}
    wrong = [
        f"{path.relative_to(_PACKAGE)} imports {name}"
        for path in _modules(room)
        for name in sorted(_imports_of(path))
        if name.startswith("sentinode.") and name.split(".")[1] in _MAY_IMPORT and name.split(".")[1] not in allowed
    ]
    assert not wrong


def _inside(room: str) -> dict[str, set[str]]:
    """Each folder, and each file beside the folders, of a room → those of the room that it imports."""
    arrows: dict[str, set[str]] = {}
    for path in _modules(room):
        here = path.relative_to(_PACKAGE / room).with_suffix("").parts[0]
        found = {name.split(".")[2] for name in _imports_of(path) if name.startswith(f"sentinode.{room}.")}
        arrows[here] = arrows.get(here, set()) | (found - {here})
    return arrows


@pytest.mark.parametrize("room", _ROOMS)
def test_no_folder_of_a_room_imports_what_imports_it(room: str) -> None:
    arrows = _inside(room)
    for folder in sorted(path.parent.name for path in (_PACKAGE / room).glob("*/__init__.py")):
        reached, to_see = set(), [folder]
        while to_see:
            new = arrows.get(to_see.pop(), set()) - reached
            reached |= new
            to_see += new
        assert folder not in reached, f"{room}/{folder} imports {sorted(arrows[folder])}, one of which leads back to it"


@pytest.mark.parametrize("room", sorted(_WITHOUT_TORCH & set(_ROOMS)))
def test_room_does_not_import_torch(room: str) -> None:
    wrong = [
        f"{path.relative_to(_PACKAGE)} imports {name}"
        for path in _modules(room)
        for name in sorted(_imports_of(path))
        if name.split(".")[0] in _TORCH
    ]
    assert not wrong


@pytest.mark.parametrize("room", [room for room in _ROOMS if room != "testing"])
def test_room_itself_imports_nothing(room: str) -> None:
    assert _imports_of(_PACKAGE / room / "__init__.py") == set()


# The two that have names of their own, loaded when they are first used.
@pytest.mark.parametrize(("package", "loaded"), [
    ("sentinode", ["sentinode"]), ("sentinode.testing", ["sentinode", "sentinode.testing"]),
])  # fmt: skip
def test_importing_a_face_loads_no_room_and_no_torch(package: str, loaded: list[str]) -> None:
    code = "import sys, {0}; print(*sorted(name for name in sys.modules if name.partition('.')[0] in {1}))"
    heavy = {*_TORCH, "sentinode", "numpy", "pandas", "pytest"}
    done = subprocess.run(
        [sys.executable, "-c", code.format(package, heavy)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == loaded


def test_a_scan_loads_no_scikit_learn_no_matplotlib_and_no_hdf5() -> None:
    code = """
import sys, numpy as np
import sentinode.scanning.scan, sentinode.scanning.scan_queue, sentinode.scanning.slide_score
from sentinode.core.palette import colours_of
colours_of(np.zeros((1, 1), np.float32))
print(*sorted({"sklearn", "matplotlib", "pandas", "torch", "h5py"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_imports_are_found_wherever_they_hide() -> None:
    code = """
import torch.nn as nn
from sentinode import data
from ..models import bundle
def late():
    from . import address
    importlib.import_module("sentinode.training.run")
"""
    assert set(_imported(ast.parse(code), "sentinode.metrics")) == {
        "torch.nn",
        "sentinode.data",
        "sentinode.models.bundle",
        "sentinode.metrics.address",
        "sentinode.training.run",
    }
