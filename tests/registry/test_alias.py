"""Names and aliases."""

import pytest

from sentinode.core.errors import RegistryError
from sentinode.registry.alias import Alias, checked_name, is_alias


def test_an_alias_comes_back_as_it_was_written():
    assert str(Alias.of("Pcam_1.2-x@champion-2")) == "Pcam_1.2-x@champion-2"


@pytest.mark.parametrize(
    "text", ["pcam", "pcam@", "@champion", "pcam@Champion", "pcam@2", "a@b@c", "a/b@c", "x@" + "a" * 33]
)
def test_what_is_none_is_refused_with_how_to_write_one(text):
    assert not is_alias(text)
    with pytest.raises(RegistryError, match=r"such as pcam"):
        Alias.of(text)


@pytest.mark.parametrize("name", ["", ".hidden", "a b", "x" * 65, "a@b", "ä"])
def test_a_name_that_can_not_be(name):
    with pytest.raises(RegistryError, match="can't name a model"):
        checked_name(name)


def test_a_folder_of_that_name_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_alias("pcam@champion")
    (tmp_path / "pcam@champion").mkdir()
    assert not is_alias("pcam@champion")
