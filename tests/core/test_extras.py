"""Optional dependencies."""

from pathlib import Path

import pytest

from sentinode.core.errors import MissingExtraError
from sentinode.core.extras import require


def test_module_that_is_there() -> None:
    assert require("os.path", extra="data").join("a", "b") == str(Path("a", "b"))


@pytest.mark.parametrize("module", ["no_such_module", "no_such_module.inner"])
def test_missing_module_gives_the_install_line(module: str) -> None:
    with pytest.raises(MissingExtraError, match=r"needs no_such_module, .* pip install 'sentinode\[data\]'"):
        require(module, extra="data")


def test_module_that_is_there_but_lacks_something_else_speaks_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_in_need.py").write_text("import what_it_needs")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_needs") as caught:
        require("module_in_need", extra="data")
    assert not isinstance(caught.value, MissingExtraError)
