"""Which split each of a source's own splits becomes."""

import pytest

from sentinode.core.errors import DataError
from sentinode.data.source_splits import assign_splits

_NOTHING = {"train": "", "validation": "", "test": ""}


@pytest.mark.parametrize(
    "splits", [["train", "val", "test"], ["training", "valid", "testing"], ["Train", "VALIDATION", "Test"]]
)
def test_usual_names_are_recognised(splits: list[str]) -> None:
    assert assign_splits(splits, _NOTHING) == dict(zip(splits, ["train", "validation", "test"], strict=True))


def test_a_chosen_split_plays_its_role_and_no_other() -> None:
    assert assign_splits(["train", "valid"], {**_NOTHING, "test": "valid"}) == {"train": "train", "valid": "test"}


def test_what_the_chosen_split_replaces_is_not_used() -> None:
    assert assign_splits(["train", "valid", "test"], {**_NOTHING, "test": "valid"}) == {
        "train": "train",
        "valid": "test",
    }


def test_names_that_say_nothing_play_no_role() -> None:
    assert assign_splits(["train", "competition-test"], _NOTHING) == {"train": "train"}


def test_no_splits() -> None:
    assert assign_splits([], _NOTHING) == {}


@pytest.mark.parametrize(
    ("splits", "chosen", "message"),
    [
        (["train"], {"test": "valid"}, r"data\.split\.test is 'valid', .*its splits: train"),
        (["a"], {"validation": "a", "test": "a"}, "can't play both validation and test"),
        (["val", "valid"], {}, "both 'val' and 'valid' may play validation"),
        (["a", "b"], {}, r"none of the source's splits \(a, b\)"),
    ],
)
def test_contradictions(splits: list[str], chosen: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        assign_splits(splits, {**_NOTHING, **chosen})
