"""Optional dependencies."""

from pathlib import Path

import pytest

from sentinode.core.errors import MissingExtraError
from sentinode.core.extras import job, require


def test_module_that_is_there() -> None:
    assert require("os.path", extra="scan").join("a", "b") == str(Path("a", "b"))


@pytest.mark.parametrize("module", ["no_such_module", "no_such_module.inner"])
def test_missing_module_gives_the_install_line(module: str) -> None:
    with pytest.raises(MissingExtraError, match=r"needs no_such_module, .* pip install 'sentinode\[scan\]'"):
        require(module, extra="scan")


def test_module_that_is_there_but_lacks_something_else_speaks_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_in_need.py").write_text("import what_it_needs")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_needs") as caught:
        require("module_in_need", extra="scan")
    assert not isinstance(caught.value, MissingExtraError)


def test_a_job_names_the_extra_that_has_all_that_it_needs() -> None:
    @job("serve")
    def serve() -> None:
        require("no_such_module.inner", extra="scan")

    @job("train")
    def train() -> None:
        import no_such_module.inner  # noqa: F401

    with pytest.raises(MissingExtraError, match=r"needs no_such_module, .* pip install 'sentinode\[serve\]'"):
        serve()
    with pytest.raises(MissingExtraError, match=r"needs no_such_module, .* pip install 'sentinode\[train\]'"):
        train()


def test_a_job_hides_no_mistake_of_our_own() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"sentinode\.core\.nowhere"), job("train"):
        import sentinode.core.nowhere  # noqa: F401
