"""The names of `import sentinode as sn`: what they promise, and their examples."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sentinode as sn
from sentinode.core.errors import DataError

CALLS = [name for name in sn.__all__ if name[0].islower()]
CONTRACT = {"open_slide", "scan", "predict", "train", "evaluate"}
"""Those that the design names: they may gain arguments, and lose none."""


def test_the_contract_is_kept() -> None:
    assert set(CALLS) >= CONTRACT
    assert list(inspect.signature(sn.scan).parameters)[:3] == ["bundle", "slides", "out"]
    assert list(inspect.signature(sn.predict).parameters)[:2] == ["bundle", "images"]
    assert {"recipe", "data", "out"} <= set(inspect.signature(sn.train).parameters)
    assert list(inspect.signature(sn.evaluate).parameters)[:3] == ["bundle", "data", "out"]


def test_every_name_is_listed_and_is_there() -> None:
    assert set(sn.__all__) <= set(dir(sn))
    for name in sn.__all__:
        assert getattr(sn, name).__doc__
    with pytest.raises(AttributeError, match=r"no attribute 'scam'; it has .*scan"):
        sn.scam  # noqa: B018


def test_an_import_loads_nothing_but_the_face_and_pythons_own() -> None:
    """What makes it quick: nothing is imported that somebody had to install."""
    code = "import sys; before = set(sys.modules); import sentinode; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "sentinode" in loaded
    others = {name for name in loaded if name.partition(".")[0] not in {*sys.stdlib_module_names, "sentinode"}}
    assert not others


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_the_examples_run(name: str) -> None:
    call = getattr(sn, name)
    tests = doctest.DocTestFinder(recurse=False).find(_plain(call), name, globs={"sn": sn})
    assert tests
    assert tests[0].examples, f"sn.{name} has no example"
    said: list[str] = []
    for test in tests:
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
    assert "".join(said) == ""


@pytest.mark.parametrize("name", ["tissue"])
def test_the_examples_of_a_slide_run(name: str) -> None:
    said: list[str] = []
    for test in doctest.DocTestFinder(recurse=False).find(_plain(vars(sn.Slide)[name]), name, globs={"sn": sn}):
        doctest.DocTestRunner().run(test, out=said.append)
    assert "".join(said) == ""


def _plain(call: Any) -> Any:
    return inspect.unwrap(call.fget if isinstance(call, property) else call)


def test_pixels_in_memory_are_sent_to_the_engine() -> None:
    with pytest.raises(DataError, match=r"images is ndarray; give paths.*open_engine"):
        sn.predict("pcam", np.zeros((2, 96, 96, 3), np.uint8))  # type: ignore[arg-type]


def test_what_is_no_path_among_paths_is_named() -> None:
    with pytest.raises(DataError, match=r"images\[1\] is None; give paths"):
        sn.predict("pcam", [Path("a.png"), None])  # type: ignore[list-item]
